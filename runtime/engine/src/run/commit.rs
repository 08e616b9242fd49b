//! The end of an epoch: it is recorded, and every sink commits.

use std::sync::atomic::Ordering;

use azud_connect::{Prepared, fault_point};
use azud_model::{Epoch, ErrorKind, Position, Result};
use azud_state::Replayed;

use super::coordinator::{Coordinator, Ended};
use super::retry::Retry;
use crate::replay::Late;

// === impl Coordinator ===

impl Coordinator<'_> {
    /// Records the epoch, and makes it visible; `moves`: event time has come further; `replayed`: how
    /// far dead letters have, where the epoch has some, and what was late in it. Answers whether it has happened: an empty
    /// one that only ends the run has not.
    pub(super) async fn commit(
        &mut self,
        epoch: &Epoch,
        positions: &[Position],
        ended: Ended,
        moves: bool,
        replayed: Option<(Replayed, Late)>,
    ) -> Result<bool> {
        // Only there to end the run: nothing has changed, also where everything is
        // given again (mode complete).
        let forgets = || {
            self.recorder
                .as_ref()
                .is_some_and(|it| it.forgets(positions))
        };
        let is_empty = epoch.input_rows == 0 && replayed.is_none();
        if epoch.last && is_empty && epoch.number > 0 && !moves && !forgets() {
            for (name, sink, _) in &self.sinks {
                if let Err(error) = sink.abort().await {
                    tracing::warn!("sink `{name}` could not roll back: {error}");
                }
            }
            if let Some(recorder) = &self.recorder {
                recorder.set_committed(epoch.number - 1).await;
            }
            return Ok(false);
        }
        let Ended { prepared, changes } = ended;
        let plugins = self.swaps.computed(epoch.number, self.can_compute_again)?;
        self.changing.computed()?;
        if let Some(recorder) = &mut self.recorder {
            // From here on it may have happened: whether the record is there is known by
            // whoever reads it.
            self.attempt.unsettled.store(true, Ordering::Release);
            if !plugins.is_empty() {
                fault_point("before-record-of-swap");
            }
            if self.changing.is_on_probation() {
                fault_point("before-record-of-change");
            }
            recorder.set_plugins(plugins);
            if replayed.is_some() {
                fault_point("before-record-of-replay");
                recorder.set_replayed(replayed.as_ref().map(|(after, _)| *after));
            }
            let began = self.clock.elapsed();
            recorder
                .record(epoch, positions, &self.times, &prepared, changes)
                .await?;
            let took = self.clock.elapsed().saturating_sub(began);
            self.telemetry.recorded(took);
            recorder.check_owner().await?;
            if replayed.is_some() {
                fault_point("after-record-of-replay");
            }
        }
        let is_recorded = self.recorder.is_some();
        if is_recorded {
            self.swaps.recorded(epoch.number);
            if let Some(before) = self.changing.recorded(epoch.number) {
                // Producers and instances take their time to end.
                tokio::task::spawn_blocking(move || drop(before));
            }
        }
        self.commit_sinks(epoch, prepared, positions).await?;
        if !is_recorded {
            self.swaps.recorded(epoch.number);
        }
        for (name, source) in &self.sources {
            let own = positions.iter().filter(|of| of.partition.source == *name);
            let own: Vec<Position> = own.cloned().collect();
            if let Err(error) = source.committed(&own).await {
                tracing::warn!("source `{name}`: {error}");
            }
        }
        if let Some((after, late)) = replayed {
            self.replays.committed(after, epoch.number, late).await;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.committed(epoch).await;
            self.attempt.unsettled.store(false, Ordering::Release);
        }
        Ok(true)
    }

    async fn commit_sinks(
        &mut self,
        epoch: &Epoch,
        prepared: Vec<Vec<Prepared>>,
        positions: &[Position],
    ) -> Result<()> {
        for ((name, sink, _), prepared) in self.sinks.iter().zip(prepared) {
            fault_point("before-commit");
            let name = format!("sink `{name}`");
            let mut retry = Retry::new(&name);
            loop {
                let prepared = prepared.clone();
                let committed = sink.commit_positions(epoch, prepared, positions).await;
                let Err(error) = committed else {
                    break;
                };
                self.reader_is_gone |= error.kind() == ErrorKind::Closed;
                retry
                    .after(error)
                    .await
                    .map_err(|error| error.within(&name))?;
            }
        }
        Ok(())
    }
}
