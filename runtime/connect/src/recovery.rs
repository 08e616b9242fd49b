//! What connectors promise when a pipeline dies, and what they are told when it comes back.

use azud_model::Epoch;

use crate::Prepared;

/// Whether a source can be asked again for what it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// [`crate::Source::open`] goes on at any recorded position: a file, a Kafka partition.
    Positions,
    /// What was given is gone: a socket. With a checkpoint the runtime keeps a
    /// journal of it, and reads that back by position.
    Never,
}

/// How often a row reaches a sink of a pipeline with a checkpoint that dies and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Once: `prepare` is durable and invisible, `commit` is idempotent, and
    /// `recover` finds what was prepared.
    ExactlyOnce,
    /// Once: the sink cannot find again what it has prepared, but knows by run and epoch
    /// what it has committed. The runtime spools what it is given, and gives it to a writer
    /// (of lane 0, asked for anew after an `abort`) once the epoch is recorded.
    Spooled,
    /// At least once: spooled likewise, but the sink does not know what it has committed,
    /// for this reason: `what is printed cannot be taken back`.
    SpooledAtLeastOnce(&'static str),
    /// Once: it commits the positions of the source's [`crate::Group`] in one transaction with the
    /// rows that they caused.
    WithPositions,
    /// At least once, for this reason: `it prints at once`.
    AtLeastOnce(&'static str),
}

/// What the last record of a checkpoint holds for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The epoch of the record.
    pub epoch: Epoch,
    /// What the sink's writers had prepared for it, by lane: of as many lanes as there were.
    pub prepared: Vec<Prepared>,
}

/// What a sink is told before it opens, in a pipeline with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The random id of the checkpoint's run: whose output what is there must be.
    pub run: String,
    /// Which of the checkpoint's owners this process is: every start over an object store
    /// takes a higher number, so that of two processes the higher one is right, and the
    /// lower one must leave alone what the other has. 0 where a lock keeps others out.
    pub generation: u64,
    /// The last recorded epoch, also where the sink had no part in it: output of this run
    /// up to it is its own. `None` at a first start.
    pub epoch: Option<u64>,
    /// What was recorded last for the sink, and may or may not be committed; `None` where
    /// it had no part in it: at a first start, of a new sink, or one that writes elsewhere now.
    pub last: Option<Recorded>,
    /// `--allow-reset` names the sink: what another run left there is put aside.
    pub allow_reset: bool,
}

// === impl Delivery ===

impl Delivery {
    /// Whether the runtime keeps what the sink is given until the epoch is recorded.
    pub fn is_spooled(self) -> bool {
        matches!(self, Self::Spooled | Self::SpooledAtLeastOnce(_))
    }
}
