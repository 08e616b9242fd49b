//! Which rows of the generator there are.

use anyhow::{Result, ensure};

/// The generator deals its rows in blocks of so many, to so many partitions.
const BLOCK: u64 = 4096;
const PARTITIONS: u64 = 64;

/// The column `id`, as far as it came: a bit for each.
#[derive(Default)]
pub(crate) struct Partitions {
    seen: Vec<u64>,
    rows: u64,
    doubled: u64,
}

// === impl Partitions ===

impl Partitions {
    pub(crate) fn add(&mut self, id: u64) {
        let (word, bit) = ((id / 64) as usize, 1 << (id % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        self.rows += 1;
        if let Some(word) = self.seen.get_mut(word) {
            self.doubled += u64::from(*word & bit != 0);
            *word |= bit;
        }
    }

    /// Each of the records that were read is there once, of each partition the first ones.
    ///
    /// # Errors
    /// Where it is not so.
    pub(crate) fn hold(&self, read: u64) -> Result<()> {
        ensure!(self.doubled == 0, "{} rows are doubled", self.doubled);
        ensure!(
            self.rows == read,
            "{} rows came of {read} records",
            self.rows
        );
        let mut next = [0; PARTITIONS as usize];
        let ids = (0..).zip(&self.seen).flat_map(|(word, bits)| {
            let bits = (0..64).filter(move |bit| bits & (1 << bit) != 0);
            bits.map(move |bit| word * 64 + bit)
        });
        for id in ids {
            let (block, within) = (id / BLOCK, id % BLOCK);
            let (round, partition) = (block / PARTITIONS, block % PARTITIONS);
            let expected = round * BLOCK + within;
            let next = next.get_mut(partition as usize);
            let is_next =
                next.is_some_and(|next| std::mem::replace(next, expected + 1) == expected);
            ensure!(
                is_next,
                "rows before {id} of partition {partition} are missing"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_doubled_is_found() {
        let of = |ids: &[u64]| {
            let mut partitions = Partitions::default();
            ids.iter().for_each(|id| partitions.add(*id));
            partitions
        };
        assert!(of(&[0, 1, 4096, 2]).hold(4).is_ok());
        assert!(of(&[0, 2]).hold(2).is_err());
        assert!(of(&[0, 1, 1]).hold(3).is_err());
        assert!(of(&[0, 1]).hold(3).is_err());
        let whole: Vec<u64> = (0..4096).chain([4096 * 64]).collect();
        assert!(of(&whole).hold(4097).is_ok());
        assert!(of(&whole[1..]).hold(4096).is_err());
    }
}
