//! Where each partition begins: as recorded, or as `start` says, and never silently elsewhere.

use std::collections::{BTreeSet, HashMap};

use azud_model::{Error, Result};

use super::look::{Look, Topics};
use super::place::{Place, TopicPartition};
use super::which::Which;
use crate::options::{Moment, Start};

/// A partition, and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    pub(super) partition: TopicPartition,
    /// Where reading goes on.
    pub(super) place: Place,
    /// The offset after the last record that could be read when it was looked at.
    pub(super) end: i64,
}

/// How a source begins.
pub(super) struct Beginning<'a> {
    pub(super) look: &'a Look,
    pub(super) which: &'a Which,
    pub(super) start: &'a Start,
    pub(super) fail_on_data_loss: bool,
    /// The source's name, for messages.
    pub(super) node: &'a str,
}

// === impl Beginning ===

impl Beginning<'_> {
    /// All partitions of those topics; `recorded` is what a checkpoint knows.
    ///
    /// # Errors
    /// `Invalid` where records are gone that were not read. `Unavailable` while brokers are away.
    pub(super) fn all(
        &self,
        topics: &Topics,
        recorded: &HashMap<TopicPartition, Place>,
    ) -> Result<Vec<Begin>> {
        self.check_deleted(topics, recorded)?;
        let ids = self.look.ids(topics);
        let known: BTreeSet<&str> = recorded.keys().map(|known| known.topic.as_str()).collect();
        let (mut begins, mut fresh) = (Vec::new(), Vec::new());
        for (topic, numbers) in topics {
            for number in numbers {
                let partition = TopicPartition {
                    topic: topic.clone(),
                    number: *number,
                };
                let topic_id = ids.get(topic).cloned();
                let bounds = self.look.bounds(&partition)?;
                match recorded.get(&partition) {
                    Some(place) => {
                        begins.push(self.resumed(partition, place, topic_id, bounds)?);
                    }
                    // It was made while nobody looked: what is in it was never read.
                    None if known.contains(topic.as_str())
                        || !recorded.is_empty() && matches!(self.which, Which::Pattern(_)) =>
                    {
                        begins.push(first(partition, topic_id, bounds));
                    }
                    None => fresh.push((partition, topic_id, bounds)),
                }
            }
        }
        begins.extend(self.started(fresh)?);
        begins.sort_by(|left, right| left.partition.cmp(&right.partition));
        Ok(begins)
    }

    /// Partitions that were found while the source was read: from their beginning.
    pub(super) fn found(&self, topics: &Topics) -> Result<Vec<Begin>> {
        let ids = self.look.ids(topics);
        let mut begins = Vec::new();
        for (topic, numbers) in topics {
            for number in numbers {
                let partition = TopicPartition {
                    topic: topic.clone(),
                    number: *number,
                };
                let bounds = self.look.bounds(&partition)?;
                begins.push(first(partition, ids.get(topic).cloned(), bounds));
            }
        }
        Ok(begins)
    }

    /// A topic that was read and is not there any more.
    fn check_deleted(
        &self,
        topics: &Topics,
        recorded: &HashMap<TopicPartition, Place>,
    ) -> Result<()> {
        let Which::Pattern(pattern) = self.which else {
            return Ok(());
        };
        let gone = recorded
            .keys()
            .find(|known| pattern.is_match(&known.topic) && !topics.contains_key(&known.topic));
        match gone {
            Some(gone) => self.lost(format!(
                "topic `{}` was read and is not there any more",
                gone.topic
            )),
            None => Ok(()),
        }
    }

    /// Where a recorded partition goes on.
    fn resumed(
        &self,
        partition: TopicPartition,
        place: &Place,
        topic_id: Option<String>,
        (low, high): (i64, i64),
    ) -> Result<Begin> {
        let name = partition.name();
        let was_made_again =
            matches!((&place.topic_id, &topic_id), (Some(old), Some(new)) if old != new);
        let offset = if was_made_again {
            self.lost(format!(
                "topic `{}` was deleted and made again: offset {} of `{name}`, where this source \
                 goes on, is another record now",
                partition.topic, place.offset
            ))?;
            low
        } else if place.offset < low {
            self.lost(format!(
                "`{name}` begins at offset {low} now: {} offsets from {} on, which were not read, \
                 have expired or were deleted",
                low - place.offset,
                place.offset
            ))?;
            low
        } else if place.offset > high {
            self.lost(format!(
                "`{name}` ends at offset {high}, before {}, where this source goes on: its topic \
                 was made again, or its last records were lost",
                place.offset
            ))?;
            low
        } else {
            place.offset
        };
        Ok(Begin {
            partition,
            place: Place { offset, topic_id },
            end: high,
        })
    }

    /// Stops, or says that it goes on.
    pub(super) fn lost(&self, what: String) -> Result<()> {
        let node = self.node;
        if self.fail_on_data_loss {
            return Err(Error::invalid(format!(
                "{what}; to go on with the first record that is there, write \
                 `fail_on_data_loss: false`"
            )));
        }
        tracing::warn!("source `{node}`: {what}; it goes on with the first record that is there");
        Ok(())
    }

    /// Partitions that begin as `start` says.
    fn started(
        &self,
        fresh: Vec<(TopicPartition, Option<String>, (i64, i64))>,
    ) -> Result<Vec<Begin>> {
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = fresh.iter().map(|(name, ..)| name.clone()).collect();
        let known = match self.start {
            Start::Timestamp(moment) => self.look.at_time(&names, moment.millis()?)?,
            Start::Committed => self.look.committed(&names)?,
            _ => HashMap::new(),
        };
        let begins = fresh.into_iter().map(|(partition, topic_id, (low, high))| {
            let known = known.get(&partition).copied();
            let offset = match self.start {
                Start::Earliest => low,
                Start::Latest => high,
                Start::Timestamp(_) => known.unwrap_or(high),
                Start::Committed => known.unwrap_or(low),
                Start::Offsets(offsets) => {
                    let said = offsets.get(&partition.topic);
                    match said.and_then(|said| said.get(&partition.number)) {
                        None | Some(-2) => low,
                        Some(-1) => high,
                        Some(offset) => *offset,
                    }
                }
            };
            if (low..=high).contains(&offset) {
                return Ok(Begin {
                    partition,
                    place: Place { offset, topic_id },
                    end: high,
                });
            }
            self.lost(format!(
                "`{}` has offsets from {low} to {high}, and `start` says {offset}",
                partition.name()
            ))?;
            Ok(first(partition, topic_id, (low, high)))
        });
        begins.collect()
    }
}

fn first(partition: TopicPartition, topic_id: Option<String>, (low, high): (i64, i64)) -> Begin {
    Begin {
        partition,
        place: Place {
            offset: low,
            topic_id,
        },
        end: high,
    }
}

// === impl Moment ===

impl Moment {
    /// Milliseconds since 1970.
    ///
    /// # Errors
    /// `Invalid` if it is no time.
    pub(crate) fn millis(&self) -> Result<i64> {
        match self {
            Self::Millis(millis) => Ok(*millis),
            Self::Text(text) => {
                let time: jiff::Timestamp = text.parse().map_err(|_| {
                    Error::invalid(format!(
                        "`{text}` is no time: write 2026-01-01T00:00:00Z, or milliseconds"
                    ))
                })?;
                Ok(time.as_millisecond())
            }
        }
    }
}
