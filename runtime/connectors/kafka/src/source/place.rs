//! Where a partition goes on, as a checkpoint keeps it.

use azud_model::{Error, Partition, Position, Result};

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) number: i32,
}

/// What [`Position::next`] says: `1234@<id of the topic>`, the id only where brokers tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The offset of the record that comes next.
    pub(crate) offset: i64,
    /// The topic that it is an offset of: another one may have its name later.
    pub(crate) topic_id: Option<String>,
}

// === impl TopicPartition ===

impl TopicPartition {
    /// The name of the partition everywhere in Azud: `topic-0`.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.topic, self.number)
    }

    pub(crate) fn of(partition: &Partition) -> Option<Self> {
        let (topic, number) = partition.name.rsplit_once('-')?;
        Some(Self {
            topic: topic.to_owned(),
            number: number.parse().ok()?,
        })
    }
}

// === impl Place ===

impl Place {
    pub(crate) fn text(&self) -> String {
        match &self.topic_id {
            Some(id) => format!("{}@{id}", self.offset),
            None => self.offset.to_string(),
        }
    }

    /// The partition and the place of a position.
    ///
    /// # Errors
    /// `Invalid` if another connector wrote it.
    pub(crate) fn of(position: &Position) -> Result<(TopicPartition, Self)> {
        let (offset, id) = match position.next.split_once('@') {
            Some((offset, id)) => (offset, Some(id.to_owned())),
            None => (position.next.as_str(), None),
        };
        let offset = offset.parse().ok().filter(|offset| *offset >= 0);
        match TopicPartition::of(&position.partition).zip(offset) {
            Some((partition, offset)) => Ok((
                partition,
                Self {
                    offset,
                    topic_id: id,
                },
            )),
            None => Err(Error::invalid(format!(
                "cannot go on at `{}` of partition `{}`: it is no offset of a topic's partition",
                position.next, position.partition.name
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn position(name: &str, next: &str) -> Position {
        Position {
            partition: Arc::new(Partition {
                source: "in".to_owned(),
                name: name.to_owned(),
            }),
            next: next.to_owned(),
        }
    }

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        for (topic_id, text) in [(None, "7"), (Some("Kq-a_1".to_owned()), "7@Kq-a_1")] {
            let place = Place {
                offset: 7,
                topic_id,
            };
            assert_eq!(place.text(), text);
            let (partition, read) = Place::of(&position("a-b-3", text)).unwrap();
            assert_eq!((partition.topic.as_str(), partition.number), ("a-b", 3));
            assert_eq!(read, place);
        }
    }

    #[test]
    fn what_another_connector_wrote_is_refused() {
        for (name, next) in [("data/a.txt", "3"), ("t-0", "x"), ("t-0", "-4"), ("t", "1")] {
            let error = Place::of(&position(name, next)).unwrap_err();
            assert!(error.to_string().contains("no offset"), "{error}");
        }
    }
}
