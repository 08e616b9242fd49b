//! The record of an epoch: what the pipeline goes on from.

use std::collections::BTreeMap;

use azud_connect::{Prepared, Recorded};
use azud_model::{Epoch, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{StateFile, sealed};

/// The newest version of the format that this program reads.
const VERSION: u32 = 4;

/// The version of a record without [`Record::replayed`], as an older program can read it.
const WITHOUT_REPLAYS: u32 = 3;

/// Everything that is known at the end of an epoch. Once it is written, the epoch has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format: 4 where `replayed` is said, else 3; before it there were no event
    /// times, and with 1 every record lists all positions.
    pub version: u32,
    /// The pipeline's name.
    pub pipeline: String,
    /// The random id of the checkpoint's run.
    pub run: String,
    /// Which owner wrote it, see [`crate::Checkpoint`].
    pub generation: u64,
    /// The epoch's number.
    pub epoch: u64,
    /// The epoch's time, as plugins and sinks were shown it: milliseconds since 1970.
    pub time_ms: i64,
    /// Records that the sources gave in it.
    pub input_rows: u64,
    /// Whether the run ended with it.
    pub last: bool,
    /// Where each source goes on.
    pub sources: Vec<SourceRecord>,
    /// How far the event time of each source has come, where it has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimeRecord>,
    /// The files that make up the state of each stateful step.
    pub states: Vec<StateRecord>,
    /// What each sink had prepared.
    pub sinks: Vec<SinkRecord>,
    /// The digest of each plugin node's component.
    pub plugins: BTreeMap<String, String>,
    /// How far the dead letters have come that were to be replayed; `None` where none ever were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
}

/// Which dead letters were replayed: all of the requests before one, and the first rows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The request's number, from 1.
    pub request: u64,
    /// How many of its rows.
    pub rows: u64,
}

/// Where a source goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The node's name.
    pub node: String,
    /// The connector's name: only the same one can read the positions.
    pub connector: String,
    /// Partitions that the files do not have as they are; where there are no files, all.
    pub positions: Vec<PartitionRecord>,
    /// Partitions that the files still have, and that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Files of the positions of all others, oldest first: of a partition the last counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<StateFile>,
    /// How many positions that makes together; said where there are files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Where a partition goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The partition's name in its system.
    pub partition: String,
    /// The place after the last record, in the connector's own form.
    pub next: String,
}

/// The state of one stateful step of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// The node's name.
    pub node: String,
    /// Which of the node's stateful steps, from 0.
    pub step: u32,
    /// What the rows mean.
    pub shape: Shape,
    /// The files, oldest first: of rows with the same key the last counts.
    pub files: Vec<StateFile>,
    /// The watermark that its epoch ended with, where it goes by one; `closed` as in
    /// [`TimeRecord`]. Microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<i64>,
    /// What the end of an input has closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<i64>,
    /// Rows whose first key, a timestamp, is before this are forgotten: microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_below: Option<i64>,
}

/// How far the event time of a source has come: microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRecord {
    /// The source's name.
    pub node: String,
    /// The column that the times are of; `None` where the record does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The latest event time that it has given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<i64>,
    /// The watermark that the epoch ended with: what it closed is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<i64>,
    /// What held a time up to this one was closed at the end of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<i64>,
    /// Partitions that may give more, the slowest of them first; only where the slowest one says
    /// how far event time has come (trigger `continuous`). For people: a run does not go by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PartitionTime>,
}

/// How far a partition had come when an epoch was recorded: a few rows of the next may count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTime {
    /// The partition's name.
    pub partition: String,
    /// The latest event time that it has given, in microseconds since 1970; `None` where it has
    /// records and has given no row yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<i64>,
    /// Whether it has been quiet for too long, and holds up nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
}

/// What rows of state mean: only the same step can go on with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How many of the columns, the first, are the key.
    pub keys: usize,
    /// Every column as `name type`.
    pub columns: Vec<String>,
    /// What is computed: `group by word: count(*)`.
    pub computes: String,
}

/// What a sink had prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRecord {
    /// The node's name.
    pub node: String,
    /// The connector's name, or `plugin`.
    pub connector: String,
    /// What nobody else may write to, where the sink has such a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How its rows are encoded, where they are: `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether only the sink that prepared an epoch can commit it.
    pub prepares: bool,
    /// By lane: of as many lanes as there were.
    pub prepared: Vec<PreparedRecord>,
}

/// What a lane's writer had prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedRecord {
    /// The lane.
    pub lane: usize,
    /// How many rows it holds.
    pub rows: u64,
    /// The sink's token, in base64.
    pub token: String,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what was written: `it is cut off at byte 12`.
    Damaged(String),
    /// A newer version of this program wrote it.
    Newer(String),
}

// === impl Record ===

impl Record {
    /// The record of an epoch of a run, still without what belongs to it.
    pub fn new(pipeline: &str, run: &str, generation: u64, epoch: &Epoch) -> Self {
        Self {
            version: WITHOUT_REPLAYS,
            pipeline: pipeline.to_owned(),
            run: run.to_owned(),
            generation,
            epoch: epoch.number,
            time_ms: epoch.time_ms,
            input_rows: epoch.input_rows,
            last: epoch.last,
            sources: Vec::new(),
            times: Vec::new(),
            states: Vec::new(),
            sinks: Vec::new(),
            plugins: BTreeMap::new(),
            replayed: None,
        }
    }

    /// The same where dead letters have been replayed: an older program would not know of them, and
    /// a later one replay them again.
    #[must_use]
    pub fn with_replayed(self, replayed: Option<Replayed>) -> Self {
        match replayed {
            None => self,
            replayed => Self {
                version: VERSION,
                replayed,
                ..self
            },
        }
    }

    /// The epoch itself.
    pub fn epoch(&self) -> Epoch {
        Epoch {
            number: self.epoch,
            time_ms: self.time_ms,
            input_rows: self.input_rows,
            last: self.last,
        }
    }

    /// What a sink is told of it after a crash; `None` if the sink had no part in it.
    ///
    /// # Errors
    /// `Invalid` if a token is no base64.
    pub fn of_sink(&self, node: &str) -> Result<Option<Recorded>> {
        let Some(sink) = self.sinks.iter().find(|sink| sink.node == node) else {
            return Ok(None);
        };
        let prepared = sink.prepared.iter().map(|prepared| {
            let token = STANDARD.decode(&prepared.token).map_err(|error| {
                let message = format!("epoch {}: the token of sink `{node}`", self.epoch);
                Error::invalid(message).because(error)
            })?;
            Ok(Prepared {
                lane: prepared.lane,
                rows: prepared.rows,
                token,
            })
        });
        Ok(Some(Recorded {
            epoch: self.epoch(),
            prepared: prepared.collect::<Result<_>>()?,
        }))
    }

    /// The bytes of its file: a line of JSON, and a line with that line's checksum.
    ///
    /// # Errors
    /// `Internal` if it cannot be JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let line = serde_json::to_vec(self);
        Ok(sealed::seal(line.map_err(|error| {
            Error::internal("a record").because(error)
        })?))
    }

    /// Reads what [`Record::to_bytes`] wrote.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        Self::parse(sealed::line(bytes).map_err(Unreadable::Damaged)?)
    }

    fn parse(line: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        let found: Version = serde_json::from_slice(line).map_err(damaged)?;
        if found.version > VERSION {
            return Err(Unreadable::Newer(format!(
                "it has version {} of the format, and this azud reads up to {VERSION}: run the \
                 newer one",
                found.version
            )));
        }
        serde_json::from_slice(line).map_err(damaged)
    }
}

// === impl SourceRecord ===

impl SourceRecord {
    /// How many positions there are, those in files included.
    pub fn count(&self) -> u64 {
        self.count.unwrap_or(self.positions.len() as u64)
    }
}

// === impl PreparedRecord ===

impl From<&Prepared> for PreparedRecord {
    fn from(prepared: &Prepared) -> Self {
        Self {
            lane: prepared.lane,
            rows: prepared.rows,
            token: STANDARD.encode(&prepared.token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let epoch = Epoch {
            number: 7,
            time_ms: 1_767_225_600_000,
            input_rows: 3,
            last: false,
        };
        let prepared = Prepared {
            lane: 1,
            rows: 2,
            token: vec![0, 255, 10],
        };
        Record {
            sinks: vec![SinkRecord {
                node: "out".to_owned(),
                connector: "file".to_owned(),
                target: None,
                format: None,
                prepares: true,
                prepared: vec![PreparedRecord::from(&prepared)],
            }],
            ..Record::new("orders", "0123", 1, &epoch)
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let record = record();
        let read = Record::from_bytes(&record.to_bytes().unwrap()).unwrap();
        assert_eq!(read, record);
        let sink = read.of_sink("out").unwrap().unwrap();
        assert_eq!(sink.prepared[0].token, [0, 255, 10]);
        assert_eq!(sink.epoch.number, 7);
        assert!(read.of_sink("other").unwrap().is_none());
    }

    #[test]
    fn whatever_is_cut_or_flipped_is_found_out() {
        let bytes = record().to_bytes().unwrap();
        for end in 0..bytes.len() - 1 {
            assert!(Record::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..(bytes.len() - 1) * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A letter's case in the word `xxh3` or in white space would do no harm.
            if let Ok(read) = Record::from_bytes(&bytes) {
                assert_eq!(read, record(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let newer = Record {
            version: VERSION + 1,
            ..record()
        };
        let error = Record::from_bytes(&newer.to_bytes().unwrap()).unwrap_err();
        assert!(matches!(error, Unreadable::Newer(_)), "{error:?}");
    }
}
