//! A source of a few partitions, over files all the same.

use azud_state::{Checkpoint, PartitionRecord, Positions, Record, SourceRecord, StateFile};

use crate::model::places;
use crate::script::Known;

/// A source whose positions are in files, but for a few.
pub(crate) struct Source {
    pub(crate) positions: Positions,
    pub(crate) files: Vec<StateFile>,
}

// === impl Source ===

impl Source {
    pub(crate) fn new(last: Option<&Record>) -> Self {
        let Some(last) = last else {
            return Self {
                positions: Positions::default(),
                files: Vec::new(),
            };
        };
        let recorded = last.sources.first().unwrap();
        let positions = places(last.epoch).into_iter();
        let positions = positions.map(|(partition, next)| PartitionRecord { partition, next });
        let whole = SourceRecord {
            positions: positions.collect(),
            ..recorded.clone()
        };
        Self {
            positions: Positions::new(recorded, &whole),
            files: recorded.files.clone(),
        }
    }

    /// Comes to an epoch's positions; whether too many have changed to be listed.
    pub(crate) fn goes_to(&mut self, epoch: u64) -> bool {
        let places = places(epoch);
        let all = places.iter();
        self.positions
            .update(all.map(|(name, next)| (name.as_str(), next.as_str())));
        self.positions.listed() > 4
    }

    pub(crate) async fn merge(&mut self, checkpoint: &Checkpoint, epoch: u64, known: &mut Known) {
        if self.files.len() < 3 {
            return;
        }
        let from = usize::from(epoch.is_multiple_of(2));
        let files = self.files.get(from..).unwrap();
        let merged = checkpoint.merge_positions(epoch, "in-positions", files, from > 0);
        match merged.await {
            Ok(merged) => {
                known.merges += 1;
                self.files.splice(from.., [merged]);
            }
            Err(error) => known.warnings.push(error.to_string()),
        }
    }
}
