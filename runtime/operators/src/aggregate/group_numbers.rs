//! Numbers of their own for the groups of one call: only these cross to a user's code.

/// Not of this call.
const UNSEEN: u32 = u32::MAX;

/// A number for each group of the call at hand; kept for its memory.
#[derive(Debug, Default)]
pub(super) struct GroupNumbers(Vec<u32>);

/// The groups of a call.
pub(super) struct Numbered {
    /// The groups that occur, those that are known first.
    pub(super) groups: Vec<usize>,
    /// The place in `groups` of each row's group.
    pub(super) rows: Vec<u32>,
    /// How many are known.
    pub(super) known: usize,
}

// === impl Numbered ===

impl Numbered {
    /// All groups under the numbers that they have anyway, where those that are known come
    /// first: cheaper than to look for the ones that occur, where these are most of them.
    pub(super) fn all(
        groups: &[usize],
        total: usize,
        is_known: impl Fn(&usize) -> bool,
    ) -> Option<Self> {
        let known = (0..total).take_while(&is_known).count();
        if u32::try_from(total).is_err() || (known..total).any(|group| is_known(&group)) {
            return None;
        }
        Some(Self {
            groups: (0..total).collect(),
            // Below `total`, which fits.
            rows: groups.iter().map(|group| *group as u32).collect(),
            known,
        })
    }
}

// === impl GroupNumbers ===

impl GroupNumbers {
    /// Numbers groups by their places.
    pub(super) fn set(&mut self, groups: &[usize]) {
        let most = groups.iter().max().map_or(0, |most| most + 1);
        self.0.resize(most.max(self.0.len()), UNSEEN);
        for (number, group) in (0..).zip(groups) {
            if let Some(own) = self.0.get_mut(*group) {
                *own = number;
            }
        }
    }

    /// The number of a group.
    pub(super) fn get(&self, group: usize) -> u32 {
        self.0.get(group).copied().unwrap_or(UNSEEN)
    }

    /// Ends the call.
    pub(super) fn forget(&mut self, groups: &[usize]) {
        for group in groups {
            if let Some(number) = self.0.get_mut(*group) {
                *number = UNSEEN;
            }
        }
    }

    /// The groups of rows, row `i` of group `groups[i]` of `total`. In one pass where all of
    /// them are known, or none.
    pub(super) fn of_rows(
        &mut self,
        groups: &[usize],
        total: usize,
        is_known: impl Fn(&usize) -> bool,
    ) -> Numbered {
        let (touched, mut rows) = self.in_order(groups, total);
        let known = touched.iter().filter(|group| is_known(group)).count();
        if touched.iter().take(known).all(&is_known) {
            return Numbered {
                groups: touched,
                rows,
                known,
            };
        }
        let (mut order, mut new) = (Vec::new(), Vec::new());
        for (place, group) in (0_u32..).zip(&touched) {
            match is_known(group) {
                true => order.push(place),
                false => new.push(place),
            }
        }
        order.extend(new);
        let mut moved = vec![0; order.len()];
        for (place, from) in (0..).zip(&order) {
            if let Some(moved) = moved.get_mut(*from as usize) {
                *moved = place;
            }
        }
        for number in &mut rows {
            *number = moved.get(*number as usize).copied().unwrap_or_default();
        }
        let order = order.iter().filter_map(|from| touched.get(*from as usize));
        Numbered {
            groups: order.copied().collect(),
            rows,
            known,
        }
    }

    /// The groups that occur, in the order in which they do.
    pub(super) fn touched(&mut self, groups: &[usize]) -> Vec<usize> {
        let total = groups.iter().max().map_or(0, |most| most + 1);
        self.in_order(groups, total).0
    }

    /// The groups that occur, and the place of each row's among them.
    fn in_order(&mut self, groups: &[usize], total: usize) -> (Vec<usize>, Vec<u32>) {
        self.0.resize(total.max(self.0.len()), UNSEEN);
        let mut touched = Vec::new();
        let mut rows = Vec::with_capacity(groups.len());
        let mut next = 0;
        for group in groups {
            if let Some(number) = self.0.get_mut(*group) {
                if *number == UNSEEN {
                    *number = next;
                    next += 1;
                    touched.push(*group);
                }
                rows.push(*number);
            }
        }
        self.forget(&touched);
        (touched, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::GroupNumbers;

    #[test]
    fn what_is_known_comes_first() {
        let mut numbers = GroupNumbers::default();
        for (known, groups, rows) in [
            (vec![], vec![7, 2, 9], [0, 1, 0, 2, 1]),
            (vec![7, 2, 9, 4], vec![7, 2, 9], [0, 1, 0, 2, 1]),
            (vec![7, 2], vec![7, 2, 9], [0, 1, 0, 2, 1]),
            (vec![9], vec![9, 7, 2], [1, 2, 1, 0, 2]),
            (vec![9, 2], vec![2, 9, 7], [2, 0, 2, 1, 0]),
        ] {
            let numbered = numbers.of_rows(&[7, 2, 7, 9, 2], 10, |group| known.contains(group));
            assert_eq!(numbered.groups, groups, "{known:?}");
            assert_eq!(numbered.rows, rows, "{known:?}");
            assert_eq!(numbered.known, known.iter().filter(|k| **k != 4).count());
        }
        assert_eq!(numbers.touched(&[3, 1, 3]), [3, 1]);
        numbers.set(&[20, 1]);
        assert_eq!((numbers.get(20), numbers.get(1)), (0, 1));
    }
}
