//! Where a source goes on, of any number of partitions: a record lists what changed
//! lately, files of state have the rest.
//!
//! A partition that a record lists counts as it is listed there; one that it says is gone
//! is gone; every other one is what the files say, of which the last counts.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use azud_model::Result;

use crate::checkpoint::read_state;
use crate::{PartitionRecord, Record, SourceRecord, StateFile, Storage};

pub(crate) use file::merge;

/// What was recorded of a source's positions, and which of it is in files.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    all: HashMap<String, Place>,
    /// Partitions of which the files do not have what they are now.
    changed: BTreeSet<String>,
    /// Partitions that are in files, and are no more.
    gone: BTreeSet<String>,
    /// How often it was told all positions.
    round: u64,
}

/// A partition.
#[derive(Clone, Debug, Default)]
struct Place {
    /// One, or two where a reader has begun what another one still spoke for.
    next: Vec<String>,
    /// How many of them the current round has named, and which round that is.
    named: usize,
    round: u64,
    /// Whether a file may have it.
    filed: bool,
}

// === impl Positions ===

impl Positions {
    /// What a record says of a source. `whole` is the same source in [`whole`]'s record.
    pub fn new(source: &SourceRecord, whole: &SourceRecord) -> Self {
        let filed = !source.files.is_empty();
        let mut all: HashMap<String, Place> = HashMap::with_capacity(whole.positions.len());
        for position in &whole.positions {
            let place = all.entry(position.partition.clone()).or_default();
            place.next.push(position.next.clone());
            place.filed = filed;
        }
        let listed = source.positions.iter();
        Self {
            all,
            changed: listed.map(|position| position.partition.clone()).collect(),
            gone: source.gone.iter().cloned().collect(),
            round: 0,
        }
    }

    /// Learns all positions of an epoch; a partition may have several. One that is not
    /// among them is gone.
    pub fn update<'a>(&mut self, positions: impl Iterator<Item = (&'a str, &'a str)>) {
        self.round += 1;
        for (partition, next) in positions {
            if !self.all.contains_key(partition) {
                // One that was gone for a while is in the files all the same.
                let filed = self.gone.remove(partition);
                let place = Place {
                    filed,
                    ..Place::default()
                };
                self.all.insert(partition.to_owned(), place);
            }
            let Some(place) = self.all.get_mut(partition) else {
                continue;
            };
            if place.round != self.round {
                (place.round, place.named) = (self.round, 0);
            }
            match place.next.get_mut(place.named) {
                Some(known) if known == next => {}
                Some(known) => {
                    next.clone_into(known);
                    self.changed.insert(partition.to_owned());
                }
                None => {
                    place.next.push(next.to_owned());
                    self.changed.insert(partition.to_owned());
                }
            }
            place.named += 1;
        }
        let round = self.round;
        self.all.retain(|partition, place| {
            let there = place.round == round;
            if there && place.named < place.next.len() {
                place.next.truncate(place.named);
                self.changed.insert(partition.clone());
            }
            if !there {
                self.changed.remove(partition);
                if place.filed {
                    self.gone.insert(partition.clone());
                }
            }
            there
        });
    }

    /// Whether a partition that is known is not among these: it is gone.
    pub fn lacks(&self, there: &HashSet<&str>) -> bool {
        self.all.keys().any(|known| !there.contains(known.as_str()))
    }

    /// How many partitions a record has to name beside the files.
    pub fn listed(&self) -> usize {
        self.changed.len() + self.gone.len()
    }

    /// From here on the files have all: what [`Positions::batch`] gave is in one.
    pub fn filed(&mut self) {
        for partition in std::mem::take(&mut self.changed) {
            if let Some(place) = self.all.get_mut(&partition) {
                place.filed = true;
            }
        }
        self.gone.clear();
    }

    /// What a record says, beside files that have the rest.
    pub fn record(&self, node: &str, connector: &str, files: &[StateFile]) -> SourceRecord {
        let changed = self.changed.iter().filter_map(|partition| {
            let place = self.all.get(partition)?;
            Some((partition, place))
        });
        let positions = changed.flat_map(|(partition, place)| {
            place.next.iter().map(|next| PartitionRecord {
                partition: partition.clone(),
                next: next.clone(),
            })
        });
        let count: usize = self.all.values().map(|place| place.next.len()).sum();
        SourceRecord {
            node: node.to_owned(),
            connector: connector.to_owned(),
            positions: positions.collect(),
            gone: self.gone.iter().cloned().collect(),
            files: files.to_vec(),
            count: (!files.is_empty()).then_some(count as u64),
        }
    }
}

/// A record that lists all positions itself, by partition, whatever files they are in.
///
/// # Errors
/// Those of the storage; `Invalid` if a file is damaged or gone.
pub async fn whole(storage: &dyn Storage, record: &Record) -> Result<Record> {
    let mut whole = record.clone();
    for source in &mut whole.sources {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in &source.files {
            for rows in read_state(storage, file).await? {
                file::read(&rows, &mut all)?;
            }
        }
        let listed = source.positions.iter().map(|position| &position.partition);
        for partition in listed.chain(&source.gone) {
            all.remove(partition);
        }
        for position in source.positions.drain(..) {
            let next = all.entry(position.partition).or_default();
            next.push(position.next);
        }
        source.positions = all
            .into_iter()
            .flat_map(|(partition, next)| {
                next.into_iter().map(move |next| PartitionRecord {
                    partition: partition.clone(),
                    next,
                })
            })
            .collect();
        (source.files, source.gone, source.count) = (Vec::new(), Vec::new(), None);
    }
    Ok(whole)
}
