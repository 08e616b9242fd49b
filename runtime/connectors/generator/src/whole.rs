//! Whole numbers: by chance between two, or one step at a time.
//!
//! Everything exact is made of them: integers, decimals (in units of their last
//! digit), dates (days), timestamps (microseconds), the places in a list of values.

use crate::draw::Draw;

/// Whole numbers from `min` to `max`, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    min: i64,
    max: i64,
    step: Option<u64>,
}

// === impl Whole ===

impl Whole {
    /// By chance, each as likely as the next; or a sequence, if there is a step.
    /// The caller has made sure that `min <= max` and that the step is not 0.
    pub(crate) fn new(min: i64, max: i64, step: Option<u64>) -> Self {
        Self { min, max, step }
    }

    /// The number of a row.
    pub(crate) fn at(self, draw: Draw, row: u64) -> i64 {
        match self.step {
            None => draw.row(row).i64(self.min..=self.max),
            Some(step) => {
                // In 128 bits: the span of 64 bits has 2^64 values.
                let span = i128::from(self.max) - i128::from(self.min);
                let step = i128::from(step.max(1));
                let values = span / step + 1;
                let value = i128::from(self.min) + i128::from(row) % values * step;
                // At most `max`, by the count of values.
                i64::try_from(value).unwrap_or(self.max)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(whole: Whole, rows: u64) -> Vec<i64> {
        let draw = Draw::new(0, "value", "x");
        (0..rows).map(|row| whole.at(draw, row)).collect()
    }

    #[test]
    fn a_sequence_starts_again_after_its_last_value() {
        assert_eq!(first(Whole::new(1, 3, Some(1)), 5), [1, 2, 3, 1, 2]);
        assert_eq!(first(Whole::new(-5, 6, Some(5)), 4), [-5, 0, 5, -5]);
        assert_eq!(first(Whole::new(7, 7, Some(100)), 3), [7, 7, 7]);
    }

    #[test]
    fn the_widest_sequence_does_not_overflow() {
        let whole = Whole::new(i64::MIN, i64::MAX, Some(u64::MAX));
        assert_eq!(first(whole, 3), [i64::MIN, i64::MAX, i64::MIN]);
        let draw = Draw::new(0, "value", "x");
        let whole = Whole::new(i64::MIN, i64::MAX, Some(1));
        assert_eq!(whole.at(draw, u64::MAX), i64::MAX);
    }

    #[test]
    fn chance_reaches_both_ends_evenly() {
        let found = first(Whole::new(-1, 2, None), 4000);
        for value in -1..=2 {
            let times = found.iter().filter(|found| **found == value).count();
            assert!((900..1100).contains(&times), "{value} came {times} times");
        }
        assert!(found.iter().all(|value| (-1..=2).contains(value)));
    }
}
