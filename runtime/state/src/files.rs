//! The files that make up a state, and which of them are merged.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A file of rows of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Its name in the checkpoint.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
    /// XXH3 of all its bytes, in hexadecimal digits.
    pub xxh3: String,
}

/// So many small files are read at a restart without a thought.
const MANY: usize = 8;

/// Which files, the newest, are worth merging into one; `None` where none are.
///
/// A file is merged with those after it once they have half its rows together: so
/// there are about log2(rows) files beside the newest few, a row is written again
/// about as often, and at most a third of all rows are outdated ones.
pub fn due(files: &[StateFile]) -> Option<Range<usize>> {
    if files.len() < MANY {
        return None;
    }
    let mut from = files.len().checked_sub(1)?;
    let mut newer = files.last()?.rows;
    while let Some(older) = from.checked_sub(1).and_then(|at| files.get(at)) {
        if older.rows > 2 * newer {
            break;
        }
        newer += older.rows;
        from -= 1;
    }
    // Sizes that halve each time would else pile up.
    let from = match files.len() - from {
        1 if files.len() >= 4 * MANY => files.len() - MANY,
        1 => return None,
        _ => from,
    };
    Some(from..files.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(rows: &[u64]) -> Vec<StateFile> {
        let file = |rows: &u64| StateFile {
            name: String::new(),
            rows: *rows,
            bytes: 0,
            xxh3: String::new(),
        };
        rows.iter().map(file).collect()
    }

    #[test]
    fn small_files_are_merged_and_a_large_one_is_left_alone() {
        assert_eq!(due(&files(&[1000, 1, 1, 1, 1, 1, 1])), None);
        assert_eq!(due(&files(&[1000, 1, 1, 1, 1, 1, 1, 1])), Some(1..8));
        assert_eq!(due(&files(&[9, 1, 1, 1, 1, 1, 1, 1])), Some(0..8));
    }

    #[test]
    fn an_epoch_after_the_other_makes_few_files_and_rewrites_little() {
        let mut sizes: Vec<u64> = vec![1_000_000];
        let (mut written, mut most) = (0, 0);
        for _ in 0..10_000 {
            sizes.push(1000);
            if let Some(range) = due(&files(&sizes)) {
                // Few keys are the same: the worst case.
                let merged: u64 = sizes.drain(range).sum();
                written += merged;
                sizes.push(merged);
            }
            most = most.max(sizes.len());
        }
        assert!(most <= 24, "{most} files");
        let times = written as f64 / 10_000_000.0;
        assert!(times < 8.0, "each row was written {times} times");
    }
}
