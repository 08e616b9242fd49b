//! Who makes which rows: they are dealt in blocks, by number.
//!
//! ```text
//! rows       0..4096   4096..8192   ...   258048..262144   262144..266240
//! partition     0          1        ...         63                0
//! ```
//!
//! There are as many partitions at any parallelism, so that a position means
//! the same after a restart with more or fewer lanes.

use std::ops::Range;
use std::sync::Arc;

use azud_connect::CHUNK_RECORDS;
use azud_model::{Error, Partition, Position, Result};

const BLOCK: u64 = CHUNK_RECORDS as u64;

/// More lanes than that have nothing to read.
pub(crate) const PARTITIONS: u64 = 64;

/// The partitions of one reader.
#[derive(Debug)]
pub(crate) struct Blocks {
    parts: Vec<Part>,
    /// The row at which it ends.
    end: u64,
}

#[derive(Debug)]
struct Part {
    number: u64,
    partition: Arc<Partition>,
    next: u64,
}

/// Consecutive rows of one partition that are not made yet.
#[derive(Debug)]
pub(crate) struct Share {
    part: usize,
    pub(crate) partition: Arc<Partition>,
    pub(crate) rows: Range<u64>,
}

// === impl Blocks ===

impl Blocks {
    /// What reader `reader` of `readers` makes of rows `0..end`.
    pub(crate) fn new(source: &str, end: u64, reader: u64, readers: u64) -> Self {
        let part = |number: u64| Part {
            number,
            partition: Arc::new(Partition {
                source: source.to_owned(),
                name: number.to_string(),
            }),
            next: number * BLOCK,
        };
        let mine = |number: &u64| number % readers.max(1) == reader;
        Self {
            parts: (0..PARTITIONS).filter(mine).map(part).collect(),
            end,
        }
    }

    /// Goes on at positions of an earlier run, those of other readers left aside.
    pub(crate) fn resume(&mut self, positions: &[Position]) -> Result<()> {
        for position in positions {
            let next = position.next.parse::<u64>().ok();
            let number = position.partition.name.parse::<u64>().ok();
            let (Some(next), Some(number)) = (next, number) else {
                return Err(foreign(position));
            };
            for part in self.parts.iter_mut().filter(|part| part.number == number) {
                if !part.owns(next) {
                    return Err(foreign(position));
                }
                part.next = next;
            }
        }
        Ok(())
    }

    /// The lowest rows that this reader has not made, at most a block.
    pub(crate) fn next(&self) -> Option<Share> {
        let parts = self.parts.iter().enumerate();
        let (index, part) = parts.min_by_key(|(_, part)| part.next)?;
        let block_end = (part.next / BLOCK + 1).saturating_mul(BLOCK);
        let rows = part.next..block_end.min(self.end);
        (!rows.is_empty()).then(|| Share {
            part: index,
            partition: part.partition.clone(),
            rows,
        })
    }

    /// The rows of `share` before `end` are made.
    pub(crate) fn made(&mut self, share: &Share, end: u64) {
        if let Some(part) = self.parts.get_mut(share.part) {
            part.next = match end % BLOCK {
                0 => end.saturating_add((PARTITIONS - 1) * BLOCK),
                _ => end,
            };
        }
    }

    /// The next row of every partition that has begun.
    pub(crate) fn positions(&self) -> Vec<Position> {
        let begun = self
            .parts
            .iter()
            .filter(|part| part.next != part.number * BLOCK);
        begun
            .map(|part| Position {
                partition: part.partition.clone(),
                next: part.next.to_string(),
            })
            .collect()
    }
}

// === impl Share ===

impl Share {
    /// Whether rows of its block are made.
    pub(crate) fn has_begun(&self) -> bool {
        !self.rows.start.is_multiple_of(BLOCK)
    }
}

// === impl Part ===

impl Part {
    fn owns(&self, row: u64) -> bool {
        row / BLOCK % PARTITIONS == self.number
    }
}

fn foreign(position: &Position) -> Error {
    Error::invalid(format!(
        "cannot go on at row `{}` of partition `{}`: no generator was ever there, so the checkpoint is another source's",
        position.next, position.partition.name
    ))
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
