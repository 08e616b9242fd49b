//! A place in memory that outlives the process, and a sink of it that can be broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use async_trait::async_trait;
use azud_model::{Epoch, Error, Result};

use crate::conformance::{SinkCall, SinkFixture, SinkPromises};
use crate::{Delivery, Output, Prepared, Recovery, Sink, SinkWriter, Wants};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Nothing,
    ShowsWhatIsPrepared,
    ShowsTwiceInAProcess,
    ShowsTwiceAfterARestart,
    LosesWhatIsPrepared,
    KeepsWhatWasNotRecorded,
    ForgetsLanes,
    ShowsWhatWasAborted,
    AbortsWhatIsRecorded,
    KeepsHalfAWrite,
    RepeatsForEmptyEpochs,
    TakesRowsItRefused,
    AcceptsOtherRuns,
    AcceptsOlderStates,
    RecoversOnce,
    MiscountsRows,
}

#[derive(Default)]
struct Place {
    run: Option<String>,
    /// By epoch and lane: what waits for its commit.
    prepared: BTreeMap<(u64, usize), Vec<i64>>,
    committed: BTreeMap<u64, Vec<i64>>,
    /// Rows of calls that were dropped.
    half: Vec<i64>,
    fails: Option<SinkCall>,
}

#[derive(Clone)]
pub(super) struct Toy {
    flaw: Flaw,
    delivery: Delivery,
    place: Arc<Mutex<Place>>,
}

struct ToySink {
    toy: Toy,
    lanes: usize,
    run: Mutex<String>,
    /// The epoch that was recorded when it came back.
    last: Mutex<Option<u64>>,
}

struct Writer {
    toy: Toy,
    lane: usize,
    rows: Vec<i64>,
    before: Vec<i64>,
}

// === impl Toy ===

impl Toy {
    pub(super) fn new(flaw: Flaw, delivery: Delivery) -> Self {
        Self {
            flaw,
            delivery,
            place: Arc::default(),
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn answer(&self, call: SinkCall) -> Result<()> {
        let mut place = self.place();
        match place.fails.take_if(|fails| *fails == call) {
            Some(_) => Err(Error::unavailable("the toy is away")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SinkFixture for Toy {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            aborts_unrecorded: true,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        *self.place() = Place::default();
        Ok(())
    }

    async fn make(&mut self, lanes: usize) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(ToySink {
            toy: self.clone(),
            lanes,
            run: Mutex::default(),
            last: Mutex::default(),
        }))
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let place = self.place();
        let mut rows: Vec<i64> = place.committed.values().flatten().copied().collect();
        if self.has(Flaw::ShowsWhatIsPrepared) {
            rows.extend(place.prepared.values().flatten());
        }
        Ok(Some(rows))
    }

    async fn fail_next(&mut self, call: SinkCall) -> Result<bool> {
        self.place().fails = Some(call);
        Ok(true)
    }
}

// === impl ToySink ===

#[async_trait]
impl Sink for ToySink {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        self.toy.delivery
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        if self.toy.has(Flaw::RecoversOnce) && !self.run.lock().unwrap().is_empty() {
            return Ok(());
        }
        let last = recovery.last.as_ref().map(|last| last.epoch.number);
        let mut place = self.toy.place();
        let is_other = place.run.as_ref().is_some_and(|run| *run != recovery.run);
        let is_ahead = place.committed.keys().next_back().copied() > last;
        let refuses = (is_other && !self.toy.has(Flaw::AcceptsOtherRuns))
            || (!is_other && is_ahead && !self.toy.has(Flaw::AcceptsOlderStates));
        if refuses && !recovery.allow_reset {
            return Err(Error::invalid("the toy is another's"));
        }
        if is_other {
            place.committed.clear();
        }
        place.committed.retain(|epoch, _| Some(*epoch) <= last);
        let toy = &self.toy;
        place.prepared.retain(|(epoch, _), _| {
            toy.has(Flaw::KeepsWhatWasNotRecorded)
                || (Some(*epoch) == last && !toy.has(Flaw::LosesWhatIsPrepared))
        });
        place.run = Some(recovery.run.clone());
        recovery.run.clone_into(&mut self.run.lock().unwrap());
        *self.last.lock().unwrap() = last;
        Ok(())
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer {
            toy: self.toy.clone(),
            lane,
            rows: Vec::new(),
            before: Vec::new(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        self.toy.answer(SinkCall::Commit)?;
        let mut place = self.toy.place();
        let is_again = *self.last.lock().unwrap() == Some(epoch.number);
        let twice = match is_again {
            true => self.toy.has(Flaw::ShowsTwiceAfterARestart),
            false => self.toy.has(Flaw::ShowsTwiceInAProcess),
        };
        if let Some(rows) = place.committed.get(&epoch.number) {
            if twice {
                let again = rows.repeat(2);
                place.committed.insert(epoch.number, again);
            }
            return Ok(());
        }
        let mut rows = std::mem::take(&mut place.half);
        for one in &prepared {
            let is_known = one.lane < self.lanes || !self.toy.has(Flaw::ForgetsLanes);
            let found = place.prepared.remove(&(epoch.number, one.lane));
            rows.extend(found.filter(|_| is_known).unwrap_or_default());
        }
        if self.toy.has(Flaw::KeepsWhatWasNotRecorded) {
            let leftover = place.prepared.split_off(&(epoch.number, 0));
            rows.extend(leftover.into_values().flatten());
        }
        place.committed.insert(epoch.number, rows);
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        let mut place = self.toy.place();
        let aborted = match self.toy.has(Flaw::AbortsWhatIsRecorded) {
            true => std::mem::take(&mut place.prepared),
            // What of it was recorded is known at the next start.
            false => place.prepared.clone(),
        };
        if self.toy.has(Flaw::ShowsWhatWasAborted) {
            let rows: Vec<_> = aborted.into_values().flatten().collect();
            if let Some(mut last) = place.committed.last_entry() {
                last.get_mut().extend(rows);
            }
        }
        Ok(())
    }
}

// === impl Writer ===

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        let Output::Rows(batch) = output else {
            return Err(Error::internal("a toy wants rows"));
        };
        let ids = batch.columns().column(0).as_primitive::<Int64Type>();
        let rows = ids.values().to_vec();
        if self.toy.has(Flaw::KeepsHalfAWrite) {
            self.toy.place().half.extend(&rows);
        }
        tokio::task::yield_now().await;
        if self.toy.has(Flaw::KeepsHalfAWrite) {
            self.toy.place().half.retain(|row| !rows.contains(row));
        }
        let answer = self.toy.answer(SinkCall::Write);
        if answer.is_ok() || self.toy.has(Flaw::TakesRowsItRefused) {
            self.rows.extend(rows);
        }
        answer
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        self.toy.answer(SinkCall::Prepare)?;
        let mut rows = std::mem::take(&mut self.rows);
        let count = rows.len() as u64 + u64::from(self.toy.has(Flaw::MiscountsRows));
        if rows.is_empty() && self.toy.has(Flaw::RepeatsForEmptyEpochs) {
            rows.clone_from(&self.before);
        }
        self.before.clone_from(&rows);
        let place = (epoch.number, self.lane);
        let mut toy = self.toy.place();
        let there = toy.prepared.entry(place).or_default();
        if !self.toy.has(Flaw::RecoversOnce) {
            there.clear();
        }
        there.extend(rows);
        drop(toy);
        Ok(Prepared {
            lane: self.lane,
            rows: count,
            token: Vec::new(),
        })
    }
}
