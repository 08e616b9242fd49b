//! The operators of one lane and stage: called one after the other, without a
//! channel between them.

mod by_lane;
mod epoch;
mod replay;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::UInt32Array;
use azud_connect::{Decoder, Records};
use azud_model::{Batch, Error, Rejected, RejectedBatch, Result};
use azud_operators::{Collector, Operator};
use crossbeam_channel::Sender;

use super::counters::{Counts, LaneCounters};
use super::message::Message;
use super::outlet::Outlet;
use super::reject::{OnReject, rejected_record, rejected_row, stop, tell_replayed};
use crate::event_time::TimeFrom;
use crate::graph::{Route, Target};
use crate::tap::SlotTaps;
use crate::telemetry::Waiting;
use by_lane::rows_by_lane;

/// What an instance is in a lane.
pub(super) enum Worker {
    Decoder(Box<dyn Decoder>),
    Operator(Box<dyn Operator>),
    Sink(Box<Outlet>),
}

/// Rejected rows are handed on when they have so many bytes.
const REJECTED_BYTES: usize = 16 << 20;

/// An instance in a lane.
pub(super) struct Slot {
    /// Number of the instance.
    pub(super) instance: usize,
    /// `None` only while it is being called.
    pub(super) worker: Option<Worker>,
    /// For every port, where its rows go.
    pub(super) ports: Vec<Vec<Target>>,
    /// Where its rejected rows go.
    pub(super) rejected: Vec<Target>,
    /// Where its late rows go.
    pub(super) late: Vec<Target>,
    /// The sources that its event time comes from.
    pub(super) sources: Vec<TimeFrom>,
    /// What to do with rejected rows.
    pub(super) on_reject: OnReject,
    /// The node's name.
    pub(super) node: Arc<str>,
    /// Digest of the node's plugin, if it is one.
    pub(super) plugin: Option<Arc<str>>,
    /// The node's counts of all lanes, and what this epoch adds to them at its end; until then it
    /// is shown there, call by call.
    pub(super) counters: Option<LaneCounters>,
    pub(super) counted: Counts,
    /// Whether what it takes comes from another node, and what it emits leaves the node.
    pub(super) input: bool,
    pub(super) output: bool,
    /// Where its rows can be looked at.
    pub(super) taps: SlotTaps,
}

/// The way to an instance in a lane.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) sender: Sender<Message>,
    /// How many batches wait for the instance there.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// A lane's slots of one stage, in topological order, and its ways to other lanes.
pub(super) struct Chain {
    /// This lane's number.
    lane: usize,
    /// The slots.
    slots: Vec<Slot>,
    /// For every instance number, the slot here that is it.
    slot_of: Vec<Option<usize>>,
    /// For every instance number elsewhere that edges lead to, the way to each lane.
    lanes_of: Vec<Vec<Way>>,
    /// The epoch that rows belong to now.
    epoch: u64,
    /// The instances here whose state a checkpoint keeps.
    kept: Vec<usize>,
    /// When an operator here wants an epoch to end: milliseconds since 1970.
    wanted: Arc<AtomicI64>,
}

/// What an instance's operator emits into.
struct Out<'a> {
    chain: &'a mut Chain,
    slot: usize,
    rejected: Vec<Rejected>,
    /// Of the rejected rows.
    bytes: usize,
}

// === impl Slot ===

impl Slot {
    /// Shows what the epoch has counted so far.
    fn show(&self) {
        if let Some(counters) = &self.counters {
            counters.show(self.counted);
        }
    }
}

// === impl Chain ===

impl Chain {
    /// A chain of these slots, among so many instances in all, from an epoch on.
    pub(super) fn new(
        lane: usize,
        slots: Vec<Slot>,
        instances: usize,
        lanes_of: Vec<Vec<Way>>,
        epoch: u64,
    ) -> Self {
        let mut slot_of = vec![None; instances];
        for (number, slot) in slots.iter().enumerate() {
            if let Some(slot_of) = slot_of.get_mut(slot.instance) {
                *slot_of = Some(number);
            }
        }
        Self {
            lane,
            slots,
            slot_of,
            lanes_of,
            epoch,
            kept: Vec::new(),
            wanted: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// When an operator here wants an epoch to end, as it is from epoch to epoch: milliseconds
    /// since 1970, `i64::MAX` where none does.
    pub(super) fn wanted(&self) -> Arc<AtomicI64> {
        self.wanted.clone()
    }

    /// Tells the coordinator when an epoch is wanted.
    pub(super) fn tell_wanted(&self) {
        let workers = self.slots.iter().filter_map(|slot| slot.worker.as_ref());
        let wanted = workers.filter_map(|worker| match worker {
            Worker::Operator(operator) => operator.wants_epoch_at(),
            Worker::Decoder(_) | Worker::Sink(_) => None,
        });
        let first = wanted.min().unwrap_or(i64::MAX);
        self.wanted.store(first, Ordering::Relaxed);
    }

    /// Decodes records and sends them on their way.
    pub(super) fn records(&mut self, instance: usize, records: &Records) -> Result<()> {
        self.decode(instance, records, 1)
    }

    /// Decodes records that are offered for the nth time.
    fn decode(&mut self, instance: usize, records: &Records, attempt: i32) -> Result<()> {
        self.call(instance, records.len(), |worker, out| {
            let Worker::Decoder(decoder) = worker else {
                return Err(Error::internal(
                    "records reached an instance that is no source",
                ));
            };
            let decoded = decoder.decode(records)?;
            for bad in decoded.bad {
                let position = records.position(bad.index);
                let value = records.payload.record(bad.index);
                out.record(rejected_record(
                    value,
                    &records.partition,
                    position,
                    bad.reason,
                    attempt,
                ))?;
            }
            match decoded.batch.rows() {
                0 => Ok(()),
                _ => out.emit(0, decoded.batch.with_attempt(attempt)),
            }
        })
    }

    /// Gives rows to an instance.
    pub(super) fn batch(&mut self, instance: usize, input: usize, batch: Batch) -> Result<()> {
        self.call(instance, batch.rows(), |worker, out| {
            if let Some(slot) = out.chain.slots.get(out.slot) {
                slot.taps.taken(&batch);
            }
            match worker {
                Worker::Operator(operator) => operator.process(input, batch, out),
                Worker::Sink(outlet) => {
                    outlet.write(batch, |batch, row, reason| out.reject(batch, row, reason))
                }
                Worker::Decoder(_) => Err(Error::internal("rows reached a source")),
            }
        })
    }

    /// How long rows that operators hold back may still wait.
    pub(super) fn wake_in(&self) -> Option<Duration> {
        let workers = self.slots.iter().filter_map(|slot| slot.worker.as_ref());
        let waits = workers.filter_map(|worker| match worker {
            Worker::Operator(operator) => operator.wake_in(),
            Worker::Decoder(_) | Worker::Sink(_) => None,
        });
        waits.min()
    }

    /// Lets operators hand on what they held back for long enough.
    pub(super) fn wake(&mut self) -> Result<()> {
        for instance in self.instances() {
            self.call(instance, 0, |worker, out| match worker {
                Worker::Operator(operator) if operator.wake_in() == Some(Duration::ZERO) => {
                    operator.wake(out)
                }
                _ => Ok(()),
            })?;
        }
        Ok(())
    }

    /// Numbers of the instances here, upstream first.
    fn instances(&self) -> Vec<usize> {
        self.slots.iter().map(|slot| slot.instance).collect()
    }

    fn call(
        &mut self,
        instance: usize,
        rows: usize,
        work: impl FnOnce(&mut Worker, &mut Out<'_>) -> Result<()>,
    ) -> Result<()> {
        let number = self.slot_of.get(instance).copied().flatten();
        let found = number.and_then(|number| Some((number, self.slots.get_mut(number)?)));
        let Some((number, slot)) = found else {
            return Err(Error::internal(format!(
                "no instance {instance} in this lane"
            )));
        };
        if slot.input {
            slot.counted.rows_in += rows as u64;
            // Whoever looks while the call hangs sees what it was given.
            slot.show();
        }
        // Taken out while it runs: the graph has no cycle, so nobody calls it meanwhile.
        let Some(mut worker) = slot.worker.take() else {
            return Err(Error::internal("an instance was called by itself"));
        };
        let mut out = Out {
            chain: self,
            slot: number,
            rejected: Vec::new(),
            bytes: 0,
        };
        let outcome = work(&mut worker, &mut out);
        let rejected = std::mem::take(&mut out.rejected);
        if let Some(slot) = self.slots.get_mut(number) {
            slot.worker = Some(worker);
            slot.show();
        }
        outcome?;
        self.deliver_rejected(number, rejected)
    }

    fn deliver_rejected(&mut self, slot: usize, rows: Vec<Rejected>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let batch = RejectedBatch { rows }.to_batch()?;
        let targets = self.slots.get(slot).map(|slot| slot.rejected.clone());
        self.deliver(&targets.unwrap_or_default(), batch)
    }

    /// Hands rows to all targets. The last one gets the batch itself; clones share its buffers.
    fn deliver(&mut self, targets: &[Target], batch: Batch) -> Result<()> {
        let Some((last, others)) = targets.split_last() else {
            return Ok(());
        };
        for target in others {
            self.deliver_one(target, batch.clone())?;
        }
        self.deliver_one(last, batch)
    }

    fn deliver_one(&mut self, target: &Target, batch: Batch) -> Result<()> {
        match &target.route {
            Route::Call => self.batch(target.instance, target.input, batch),
            Route::Forward => self.send(target, self.lane, batch),
            Route::Exchange(columns) => {
                let lanes = self.lanes_of.get(target.instance).map_or(1, Vec::len);
                if lanes <= 1 || columns.is_empty() {
                    return self.send(target, 0, batch);
                }
                for (lane, rows) in rows_by_lane(&batch, columns, lanes)?
                    .into_iter()
                    .enumerate()
                {
                    if !rows.is_empty() {
                        let part = batch.take(&UInt32Array::from(rows))?;
                        self.send(target, lane, part)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn send(&self, target: &Target, lane: usize, batch: Batch) -> Result<()> {
        let way = self
            .lanes_of
            .get(target.instance)
            .and_then(|to| to.get(lane));
        let Some(way) = way else {
            return Err(Error::internal("an edge leads to no lane"));
        };
        let message = Message::Batch {
            instance: target.instance,
            input: target.input,
            batch,
            _waiting: Waiting::new(&way.waiting),
        };
        way.sender
            .send(message)
            .map_err(|_| Error::closed("a later lane has stopped"))
    }
}

// === impl Out ===

impl Out<'_> {
    fn record(&mut self, mut rejected: Rejected) -> Result<()> {
        let epoch = self.chain.epoch;
        let Some(slot) = self.chain.slots.get_mut(self.slot) else {
            return Err(Error::internal("a slot is gone"));
        };
        slot.counted.rejected += 1;
        rejected.node = slot.node.to_string();
        let of_node = slot.plugin.as_deref().map(str::to_owned);
        rejected.plugin = rejected.plugin.or(of_node);
        rejected.epoch = epoch;
        slot.taps.rejected(&rejected);
        match slot.on_reject {
            OnReject::Deliver => {
                self.bytes += rejected.value.as_ref().map_or(0, Vec::len) + rejected.reason.len();
                self.rejected.push(rejected);
                // A batch of texts has at most 2 GiB, and memory has an end as well.
                if self.bytes >= REJECTED_BYTES {
                    self.bytes = 0;
                    let rejected = std::mem::take(&mut self.rejected);
                    self.chain.deliver_rejected(self.slot, rejected)?;
                }
            }
            OnReject::Drop => {}
            OnReject::Stop if rejected.attempt > 1 => tell_replayed(&rejected),
            OnReject::Stop => return Err(stop(&rejected)),
        }
        Ok(())
    }
}

impl Collector for Out<'_> {
    fn emit(&mut self, port: usize, batch: Batch) -> Result<()> {
        let Some(slot) = self.chain.slots.get_mut(self.slot) else {
            return Err(Error::internal("a slot is gone"));
        };
        if slot.output {
            slot.counted.rows_out += batch.rows() as u64;
        }
        slot.taps.given(port, &batch);
        let Some(targets) = slot.ports.get(port) else {
            return Err(Error::internal(format!("an operator has no port {port}")));
        };
        // Cloned, because delivering needs the chain: an edge is a few words.
        let targets = targets.clone();
        self.chain.deliver(&targets, batch)
    }

    fn late(&mut self, rows: Batch) -> Result<()> {
        let Some(slot) = self.chain.slots.get_mut(self.slot) else {
            return Err(Error::internal("a slot is gone"));
        };
        slot.counted.late += rows.rows() as u64;
        slot.taps.late(&rows);
        let targets = slot.late.clone();
        self.chain.deliver(&targets, rows)
    }

    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> Result<()> {
        self.record(rejected_row(batch, row, reason))
    }

    fn reject_by(&mut self, batch: &Batch, row: usize, reason: String, plugin: &str) -> Result<()> {
        self.record(Rejected {
            plugin: Some(plugin.to_owned()),
            ..rejected_row(batch, row, reason)
        })
    }
}
