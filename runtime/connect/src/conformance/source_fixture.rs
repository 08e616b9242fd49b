//! What a connector tells the kit of its source.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azud_model::Result;

use crate::{Source, SourceContext};

/// The system that a source reads from, in the hands of the kit.
#[async_trait]
pub trait SourceFixture: Send {
    /// What it promises. Asked before each case.
    fn promises(&self) -> SourcePromises;

    /// A system without records, as nobody has seen it before. Called first in every
    /// round of a case, with no source open.
    ///
    /// # Errors
    /// Fail the case, as those of all other calls do.
    async fn reset(&mut self) -> Result<()>;

    /// Gives the system so many more records (more, where it has them by the block), and
    /// answers their bytes (of a typed source
    /// the JSON of their rows), each of them unique, in the order in which a partition
    /// must give them. Called before a source is open, and with
    /// [`SourcePromises::grows`] also while it is.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn give(&mut self, count: usize) -> Result<Vec<String>>;

    /// No more is given: a source that is `finite` must come to an end. Called before
    /// such a source is made, after the last `give`.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn end(&mut self) -> Result<()> {
        Ok(())
    }

    /// Makes a source over the system as it is, as a process that starts does: of so many
    /// lanes and `finite` as the context says. Its `directory` and `metadata` are for the
    /// fixture to set. Only one source is open at a time.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>>;

    /// Breaks the connection of the source that is open, so that it has to connect again;
    /// `false` if there is no such thing.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn disconnect(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// How many records have left the system since the last reset, if that can be told:
    /// for [`SourcePromises::flood`].
    fn taken(&self) -> Option<usize> {
        None
    }
}

/// Which cases a source can be asked for. [`Default`] is what Kafka or a folder of files
/// can: everything but a share, a flood and an order of the whole.
#[derive(Clone, Copy, Debug)]
pub struct SourcePromises {
    /// It can be `finite`: it comes to an end when all is given.
    pub ends: bool,
    /// It can be endless.
    pub endless: bool,
    /// It gives what comes while it is open.
    pub grows: bool,
    /// What was given and not read is still there after a crash. Not so of a socket: what
    /// was not in the journal is lost.
    pub keeps: bool,
    /// A position in a form that no source has ever given is refused with `Invalid`.
    pub refuses_unknown_positions: bool,
    /// An epoch has at most so many records, of all readers together.
    pub share: Option<usize>,
    /// How far it may read ahead of who asks.
    pub flood: Option<Flood>,
    /// After so long without a record the kit takes it that none will come.
    pub quiet: Duration,
    /// A record that is there comes within this, however busy the machine.
    pub patience: Duration,
    /// How many rounds a random case has.
    pub seeds: u64,
}

/// More records than a source may read ahead.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// How many there are.
    pub records: usize,
    /// How many of them may have left the system while only one chunk was asked for,
    /// beyond those of the chunk.
    pub ahead: usize,
}

// === impl SourcePromises ===

impl Default for SourcePromises {
    fn default() -> Self {
        Self {
            ends: true,
            endless: true,
            grows: true,
            keeps: true,
            refuses_unknown_positions: true,
            share: None,
            flood: None,
            quiet: Duration::from_millis(50),
            patience: Duration::from_secs(20),
            seeds: 6,
        }
    }
}

impl SourcePromises {
    /// `finite` of the sources that it can make.
    pub(super) fn kinds(&self) -> Vec<bool> {
        let kinds = [(true, self.ends), (false, self.endless)];
        let kinds = kinds.into_iter().filter(|(_, can)| *can);
        kinds.map(|(finite, _)| finite).collect()
    }
}
