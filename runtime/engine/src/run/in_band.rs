//! Watermarks within an epoch, with trigger `continuous`: a few times a second readers are asked
//! which partitions they have, and lanes are told how far event time has come.
//!
//! Watermarks travel as an epoch's end does: through every reader's channel and every lane's, and a
//! lane goes on once all its inputs have brought one. So what was read before a watermark is never
//! late by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use azud_model::{Error, Result};

use super::coordinator::{Coordinator, tell};
use super::message::{Command, Message};

/// How often: as Flink's `pipeline.auto-watermark-interval`.
const INTERVAL: Duration = Duration::from_millis(200);

/// What was asked and told.
pub(super) struct InBand {
    /// How many readers have not said yet which partitions they have; `None`: none was asked.
    missing: Option<usize>,
    /// How many watermarks the lanes of the first stage were told, and each has taken.
    told: u64,
    taken: Vec<Arc<AtomicU64>>,
    /// When it is time to ask again, so long after the start.
    next: Duration,
}

// === impl InBand ===

impl InBand {
    /// With what lanes of the first stage count up.
    pub(super) fn new(taken: Vec<Arc<AtomicU64>>) -> Self {
        Self {
            missing: None,
            told: 0,
            taken,
            next: Duration::ZERO,
        }
    }

    /// How long until it is time to ask; `None` while answers are missing.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        let is_asked = self.missing.is_some();
        (!is_asked).then(|| self.next.saturating_sub(now))
    }

    /// The epoch ends: what was answered is old by the next.
    pub(super) fn forget(&mut self) {
        self.missing = None;
    }

    /// A reader has said which partitions it has.
    pub(super) fn answered(&mut self) {
        self.missing = self.missing.map(|missing| missing.saturating_sub(1));
    }

    /// Whether all have.
    pub(super) fn is_answered(&self) -> bool {
        self.missing == Some(0)
    }

    /// Whether every lane has taken what it was told: only then is there room for more in the
    /// channels, beside an epoch's end.
    fn is_taken(&self) -> bool {
        let mut taken = self.taken.iter();
        taken.all(|taken| taken.load(Ordering::Acquire) >= self.told)
    }
}

// === impl Coordinator ===

impl Coordinator<'_> {
    /// Asks readers for their partitions.
    pub(super) async fn ask_partitions(&mut self) -> Result<()> {
        let Some(in_band) = &mut self.in_band else {
            return Ok(());
        };
        in_band.next = self.clock.elapsed() + INTERVAL;
        if in_band.is_taken() {
            in_band.missing = Some(self.readers.len());
            for reader in &self.readers {
                tell(reader, Command::Look).await?;
            }
        }
        Ok(())
    }

    /// Tells lanes how far event time has come by what readers have answered.
    pub(super) async fn tell_watermarks(&mut self) -> Result<()> {
        let Some(in_band) = &mut self.in_band else {
            return Ok(());
        };
        in_band.missing = None;
        self.times.look_at_partitions(self.clock.elapsed());
        let Some(watermarks) = self.times.in_band() else {
            return Ok(());
        };
        // What is closed stays so, also where the epoch ends with less: with a source that was
        // idle meanwhile, say.
        if let Some(recorder) = &mut self.recorder {
            recorder.reach(&watermarks);
        }
        in_band.told += 1;
        for reader in &self.readers {
            tell(reader, Command::Watermark(watermarks.clone())).await?;
        }
        for lane in &self.lanes {
            let sent = lane.try_send(Message::Watermark(watermarks.clone()));
            sent.map_err(|_| Error::closed("a lane has stopped"))?;
        }
        Ok(())
    }
}
