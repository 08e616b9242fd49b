//! Runs a keyed plugin in a lane.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Batch, Clock, Epoch, Error, Result, Watermark};
use azud_operators::{Collector, Held, Operator, StateShape};
use azud_sandbox::{EVENT_TIME, Keyed, PROCESSING_TIME};

use super::KeyedPlan;
use super::calls::{RowCalls, TimerCalls};
use super::convert::Convert;
use super::firing::Firing;
use super::store::{Now, Store};
use crate::plugin::search::{Experience, Search};
use crate::plugin::waiting::{ENOUGH, Waiting};
use crate::swap::InLane;

/// Keys whose timers, or states of an earlier version, a call is given.
pub(super) const MAX_KEYS: usize = 4096;

/// Bytes of states that a call is given, about: a fraction of the memory that an instance has.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// A plugin that knows something of each key.
pub(crate) struct KeyedOperator {
    node: Arc<str>,
    plugin: InLane<Keyed>,
    store: Store,
    max_rows: usize,
    waiting: Option<Waiting>,
    clock: Arc<dyn Clock>,
    watermark: Watermark,
    rows: Experience,
    timers: Experience,
    /// Whether what has changed is of an epoch that has ended.
    has_ended: bool,
}

// === impl KeyedOperator ===

impl KeyedOperator {
    /// # Errors
    /// `Invalid` if a column of the key is of a type that cannot be kept.
    pub(crate) fn new(
        node: Arc<str>,
        plugin: InLane<Keyed>,
        plan: KeyedPlan,
        (max_rows, max_wait): (usize, Option<Duration>),
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            node,
            plugin,
            store: Store::new(plan)?,
            max_rows: max_rows.max(1),
            waiting: max_wait.map(|max_wait| Waiting::new(max_wait, ENOUGH, clock.clone())),
            clock,
            watermark: Watermark::NONE,
            rows: Experience::default(),
            timers: Experience::default(),
            has_ended: false,
        })
    }

    /// What an epoch has changed was taken by now, if anybody wants it.
    fn begin(&mut self) {
        if std::mem::take(&mut self.has_ended) {
            self.store.end();
        }
    }

    fn now(&self) -> Now {
        self.at(self.clock.wall_ms())
    }

    fn at(&self, wall_ms: i64) -> Now {
        Now {
            processing: wall_ms.saturating_mul(1_000),
            event: self.reached(),
        }
    }

    /// Up to which event time timers are due.
    fn reached(&self) -> i64 {
        self.watermark.time.max(self.watermark.closed)
    }

    /// Calls the plugin with as many rows, and states, as it takes at once.
    fn cut(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        self.begin();
        let numbers = self.store.number(batch.columns())?;
        let mut first = 0;
        while first < numbers.len() {
            let rest = numbers.get(first..).unwrap_or_default();
            let rows = self.store.fitting(rest, self.max_rows, MAX_BYTES);
            let part = batch.slice(first, rows);
            let (now, limit) = (self.now(), self.plugin.get().deadline());
            let calls = RowCalls {
                node: &self.node,
                plugin: &mut self.plugin,
                store: &mut self.store,
                batch: &part,
                numbers: rest.get(..rows).unwrap_or_default(),
                now,
                out,
            };
            Search::new(calls, rows, limit, &mut self.rows, &*self.clock).run()?;
            first += rows;
        }
        Ok(())
    }

    fn fire(&mut self, kind: u8, until: i64, now: Now, out: &mut dyn Collector) -> Result<()> {
        let mut firing = Firing::new(&self.store, kind, until);
        while let Some(due) = firing.next(&mut self.store, MAX_KEYS, MAX_BYTES) {
            let limit = self.plugin.get().deadline();
            let calls = TimerCalls {
                node: &self.node,
                plugin: &mut self.plugin,
                store: &mut self.store,
                due: &due,
                firing: &mut firing,
                now,
                out,
            };
            let timers = due.timers.times.len();
            Search::new(calls, timers, limit, &mut self.timers, &*self.clock).run()?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut dyn Collector) -> Result<()> {
        let waiting = self.waiting.as_mut().map(Waiting::take).transpose()?;
        match waiting.flatten() {
            Some(batch) => self.cut(&batch, out),
            None => Ok(()),
        }
    }
}

impl Operator for KeyedOperator {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let Some(waiting) = &mut self.waiting else {
            return self.cut(&batch, out);
        };
        let ready = waiting.add(batch, self.max_rows)?;
        ready.iter().try_for_each(|batch| self.cut(batch, out))
    }

    fn wake_in(&self) -> Option<Duration> {
        self.waiting.as_ref().and_then(Waiting::wake_in)
    }

    fn wake(&mut self, out: &mut dyn Collector) -> Result<()> {
        self.flush(out)
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let now = self.watermark.join(watermark);
        let is_due = || self.store.due(EVENT_TIME, self.reached()).next().is_some();
        if now == self.watermark && !is_due() {
            return Ok(());
        }
        // Rows that have come are before it.
        self.flush(out)?;
        self.begin();
        self.watermark = now;
        match self.watermark == Watermark::NONE {
            true => Ok(()),
            false => self.fire(EVENT_TIME, self.reached(), self.now(), out),
        }
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.flush(out)?;
        self.begin();
        let now = self.at(self.clock.wall_ms().max(epoch.time_ms));
        self.fire(PROCESSING_TIME, now.processing, now, out)?;
        self.store.forget(now.processing);
        self.has_ended = true;
        if self.plugin.end_epoch(epoch.number, None)? {
            (self.rows, self.timers) = (Experience::default(), Experience::default());
        }
        self.store.set_states(self.plugin.get().states());
        Ok(())
    }

    fn wants_epoch_at(&self) -> Option<i64> {
        // What waits for the next epoch only is due at once.
        let is_waiting = self.store.due(EVENT_TIME, self.reached()).next().is_some();
        let waiting = is_waiting.then_some(i64::MIN);
        // Rounded up: a timer is not due before its time.
        let next = self.store.first(PROCESSING_TIME);
        let next = next.map(|time| time.div_euclid(1_000) + i64::from(time.rem_euclid(1_000) > 0));
        waiting.or(next)
    }

    fn state(&self) -> Option<StateShape> {
        Some(self.store.plan.shape())
    }

    fn held(&self) -> Vec<Held> {
        let timers = |kind| self.store.due(kind, i64::MAX).map(|(time, _)| time);
        let event = Held::until("timers of event time", timers(EVENT_TIME), 0);
        let known = [
            ("keys", self.store.entries.len()),
            ("timers of processing time", timers(PROCESSING_TIME).count()),
        ];
        // How long these stay is up to the plugin, and to the clock.
        let [keys, by_clock] = known.map(|(what, rows)| Held {
            for_ever: 0,
            ..Held::for_ever(what, rows)
        });
        let by_clock = Held {
            due: self.store.first(PROCESSING_TIME),
            ..by_clock
        };
        let event = Held {
            oldest: None,
            ..event
        };
        vec![keys, by_clock, event]
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        self.store.changes()
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        self.store.restore(rows)
    }

    fn formers(&self) -> Vec<StateShape> {
        let plan = &self.store.plan;
        let formers = self.plugin.get().formers().iter();
        let plans = formers.map(|states| plan.of_former(states));
        plans.map(|plan| plan.shape()).collect()
    }

    fn convert(&mut self, former: usize, rows: &[RecordBatch]) -> Result<()> {
        let states = self.plugin.get().formers().get(former);
        let states = states.ok_or_else(|| Error::internal("no such earlier version"))?;
        let mut from = Store::new(self.store.plan.of_former(states))?;
        from.restore(rows)?;
        let now = self.now();
        from.forget(now.processing);
        from.end();
        let mut convert = Convert {
            node: &self.node,
            plugin: &mut self.plugin,
            former,
            from: &from,
            into: &mut self.store,
            now,
        };
        convert.run(&*self.clock)
    }
}
