//! What is kept of a lane from epoch to epoch, and how epochs and event time reach its operators.

use arrow::array::RecordBatch;
use azud_model::{Error, Result, Watermark};

use super::{Chain, Worker};
use crate::event_time::{Watermarks, of_sources};
use crate::recovery::Restore;
use crate::run::message::{Change, EpochEnd};

// === impl Chain ===

impl Chain {
    /// Keeps the state of these instances, as far as they are here.
    pub(in crate::run) fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        let here = self.slots.iter().map(|slot| slot.instance);
        self.kept = here.filter(|instance| is_kept(*instance)).collect();
    }

    /// Whether a checkpoint keeps the state of an instance here.
    pub(in crate::run) fn keeps(&self, instance: usize) -> bool {
        self.kept.contains(&instance)
    }

    /// Whether a checkpoint keeps a state of this lane.
    pub(in crate::run) fn keeps_state(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Goes on with rows of state that an earlier run has left; those of an earlier version are
    /// converted.
    pub(in crate::run) fn restore(&mut self, from: &Restore, rows: &[RecordBatch]) -> Result<()> {
        self.call(from.instance, 0, |worker, _| match (worker, from.former) {
            (Worker::Operator(operator), None) => operator.restore(rows),
            (Worker::Operator(operator), Some(former)) => operator.convert(former, rows),
            (Worker::Decoder(_) | Worker::Sink(_), _) => {
                Err(Error::internal("an instance without state was given some"))
            }
        })
    }

    /// What the epoch that has just ended has put into states.
    fn changes(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for instance in self.kept.clone() {
            self.call(instance, 0, |worker, _| {
                if let Worker::Operator(operator) = worker {
                    changes.push(Change {
                        instance,
                        rows: operator.take_changes()?,
                        forgotten_below: operator.forgotten_below(),
                    });
                }
                Ok(())
            })?;
        }
        Ok(changes)
    }

    /// Ends the epoch in every slot: operators first, upstream first, then sinks.
    /// `hand_over` gets what went into states.
    pub(in crate::run) fn end_epoch(
        &mut self,
        end: &EpochEnd,
        hand_over: impl FnOnce(Vec<Change>) -> Result<()>,
    ) -> Result<()> {
        let epoch = &end.epoch;
        for instance in self.instances() {
            let watermark = self.watermark_of(instance, &end.watermarks);
            self.call(instance, 0, |worker, out| match worker {
                Worker::Operator(operator) => {
                    operator.watermark(watermark, out)?;
                    operator.end_epoch(epoch, out)
                }
                Worker::Sink(_) | Worker::Decoder(_) => Ok(()),
            })?;
        }
        if self.keeps_state() {
            hand_over(self.changes()?)?;
        }
        self.tell_wanted();
        // Once sinks know, the epoch may be told of at any moment.
        for slot in &mut self.slots {
            let counted = std::mem::take(&mut slot.counted);
            if let Some(counters) = &slot.counters {
                counters.end_epoch(counted);
            }
        }
        for instance in self.instances() {
            self.call(instance, 0, |worker, _| match worker {
                Worker::Sink(outlet) => outlet.end_epoch(epoch),
                Worker::Operator(_) | Worker::Decoder(_) => Ok(()),
            })?;
        }
        self.epoch = epoch.number + 1;
        Ok(())
    }

    /// Tells operators how far event time has come: before the first epoch, when it had come so
    /// far `by` some of them, and within epochs.
    pub(in crate::run) fn watermark(
        &mut self,
        reached: &Watermarks,
        by: &[(usize, Watermark)],
    ) -> Result<()> {
        for instance in self.instances() {
            let of_sources = self.watermark_of(instance, reached);
            let own = by.iter().filter(|(of, _)| *of == instance);
            let watermark = own.fold(of_sources, |all, (_, own)| all.join(*own));
            self.call(instance, 0, |worker, out| match worker {
                Worker::Operator(operator) => operator.watermark(watermark, out),
                Worker::Sink(_) | Worker::Decoder(_) => Ok(()),
            })?;
        }
        Ok(())
    }

    fn watermark_of(&self, instance: usize, watermarks: &Watermarks) -> Watermark {
        let slot = self.slot_of.get(instance).copied().flatten();
        let slot = slot.and_then(|slot| self.slots.get(slot));
        slot.map_or(Watermark::NONE, |slot| {
            of_sources(&slot.sources, watermarks)
        })
    }
}
