//! What travels between readers, lanes, writers and the coordinator.

use std::sync::Arc;

use arrow::array::RecordBatch;
use azud_connect::{Output, Prepared, Records};
use azud_model::{Batch, Epoch, Error, Position};
use tokio::sync::OwnedSemaphorePermit;

use crate::event_time::Watermarks;
use crate::replay::Injection;
use crate::telemetry::Waiting;

/// What a lane receives. Epoch ends travel in the same channels as rows, so their order is never in doubt.
pub(super) enum Message {
    /// Records of a source, to be decoded by an instance.
    Records {
        /// The source's instance.
        instance: usize,
        /// The records.
        records: Box<Records>,
        /// Given back when the lane is done with them: the back-pressure on the reader.
        _permit: OwnedSemaphorePermit,
    },
    /// Rows from a lane of an earlier stage.
    Batch {
        /// Who takes them.
        instance: usize,
        /// Which of its inputs.
        input: usize,
        /// The rows.
        batch: Batch,
        /// Counts it until the lane is done with it.
        _waiting: Waiting,
    },
    /// Event time has come so far: what was in this channel before is not late by it.
    Watermark(Watermarks),
    /// Nothing of this epoch follows in this channel.
    EpochEnd(EpochEnd),
}

/// The end of an epoch, as lanes are told of it.
#[derive(Clone, Debug)]
pub(super) struct EpochEnd {
    /// The epoch.
    pub(super) epoch: Epoch,
    /// How far event time has come.
    pub(super) watermarks: Watermarks,
    /// Dead letters that are replayed: the last rows of the epoch.
    pub(super) replay: Option<Arc<Injection>>,
}

/// What a sink's writer receives.
pub(super) enum SinkMessage {
    /// Rows.
    Output(Output),
    /// Nothing of this epoch follows: prepare it.
    EpochEnd(Epoch),
}

/// What the coordinator tells a reader.
pub(super) enum Command {
    /// Say which partitions may give more, answer [`Event::Looked`], and read on.
    Look,
    /// Hand the watermark to the lane, and read on.
    Watermark(Watermarks),
    /// Stop reading, and answer [`Event::Stopped`].
    Stop,
    /// Hand the epoch's end to the lane, then read on unless it is the last.
    Finish(EpochEnd),
}

/// What an epoch has changed in the state of an instance, in one lane.
pub(crate) struct Change {
    pub(crate) instance: usize,
    /// Rows that were put.
    pub(crate) rows: Option<RecordBatch>,
    /// Rows whose first key is a time before this are forgotten.
    pub(crate) forgotten_below: Option<i64>,
}

/// What the coordinator is told.
pub(super) enum Event {
    /// A reader has used up its share of the epoch.
    Full(usize),
    /// A reader's source has ended.
    Ended(usize),
    /// A reader has said which partitions may give more.
    Looked,
    /// A reader has stopped, as it was told.
    Stopped {
        /// Where it goes on.
        positions: Vec<Position>,
    },
    /// A sink's writer has prepared the epoch.
    Prepared {
        /// Which sink.
        sink: usize,
        /// What it prepared.
        prepared: Prepared,
    },
    /// What a lane's operators have put into their states in the epoch: once an epoch
    /// from every lane that has any, in a pipeline with a checkpoint.
    Changed(Vec<Change>),
    /// Something cannot go on.
    Failed(Error),
}
