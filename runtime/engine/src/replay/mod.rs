//! Dead letters that are replayed: given again to the node that rejected them, in a run.
//!
//! ```text
//! Control::replay   finds the node's inlet, reads the row        ask.rs, inlets.rs, entering.rs
//!   -> checkpoint   keeps the rows, before anybody is answered   azud_state::keep_replay
//!   -> Replays      what is pending, outlives attempts           queue.rs, pending.rs
//!   -> coordinator  takes some at the end of an epoch
//!   -> EpochEnd     brings them to every lane: the last rows of the epoch
//!   -> record       says how far they have come
//! ```
//!
//! So a row is replayed with the one epoch whose record says so, whatever crashes, and goes from its
//! node to the sinks as any other. Where nothing is replayed, nothing is there.

mod ask;
mod entering;
mod inlets;
mod pending;
mod queue;

use std::collections::BTreeMap;
use std::sync::Arc;

use azud_connect::Records;
use azud_model::Batch;
use azud_state::Replayed;

pub use ask::{ReplayAnswer, ReplayError};
pub(crate) use queue::Replays;

/// Rows that came too late for a node, by its name: of epochs that had rows which were replayed.
pub(crate) type Late = BTreeMap<Arc<str>, u64>;

/// What lanes are given at the end of an epoch.
#[derive(Debug)]
pub(crate) struct Injection {
    /// In the order of the rows.
    pub(crate) given: Vec<Given>,
    /// How far dead letters have come with it.
    pub(crate) after: Replayed,
}

/// Rows, or records, for one instance.
#[derive(Debug)]
pub(crate) enum Given {
    /// Records that a source could not decode.
    Records {
        /// The source's instance.
        instance: usize,
        /// Of one partition.
        records: Box<Records>,
        /// How often they have been offered, this time included.
        attempt: i32,
    },
    /// Rows that a node rejected.
    Rows {
        /// The instance.
        instance: usize,
        /// Which of its inputs.
        input: usize,
        /// The columns by whose key group a lane takes them; without, the first lane takes all.
        exchange: Option<Vec<usize>>,
        /// The rows.
        batch: Batch,
    },
}

// === impl Given ===

impl Given {
    fn rows(&self) -> usize {
        match self {
            Self::Records { records, .. } => records.len(),
            Self::Rows { batch, .. } => batch.rows(),
        }
    }
}
