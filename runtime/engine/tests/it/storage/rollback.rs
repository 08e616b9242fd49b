//! Epochs that fail before their record, and are computed again by the running process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Output, Prepared, Recovery, SimulatedDisk, Sink, SinkWriter, Wants};
use azud_engine::Stop;
use azud_model::{Epoch, Error, ErrorKind, Result};
use azud_state::{Checkpoint, Storage};

use super::fallible::Transactional;
use super::rows::{EPOCHS, Numbers};
use super::server::{Call, Server};
use super::{World, storage};
use crate::support;

const ABORTED: ErrorKind = ErrorKind::Aborted;

fn run(world: &World) -> Result<()> {
    world.run_with(Stop::default(), |server| Transactional(server.clone()))
}

/// In whichever call, epoch and lane it fails: one run ends with every epoch there once.
#[test]
fn an_epoch_that_fails_is_rolled_back_and_computed_again() {
    for call in [Call::Writer, Call::Write, Call::Prepare] {
        let mut failed = 0;
        for (spared, sink) in (0..2 * EPOCHS).zip([0, 1, 2].into_iter().cycle()) {
            let world = World::new();
            world.servers[sink].fail_later(spared, (call, ABORTED));
            let what = format!("{call:?} {spared} of sink {sink}");
            run(&world).expect(&what);
            world.verdict(&what);
            let has_failed = world.servers[sink].faults_left() == 0;
            let aborts = world.servers.each_ref().map(|server| server.lock().aborts);
            // Once more where an epoch is there only to end the run.
            let least = u64::from(has_failed);
            assert!(
                aborts
                    .iter()
                    .all(|aborts| (least..=least + 1).contains(aborts))
            );
            failed += least;
        }
        assert!(failed >= 2, "{call:?} failed {failed} times");
    }
}

/// What is recorded is not rolled back: the next attempt commits it.
#[test]
fn a_commit_that_asks_for_another_attempt_is_made_again() {
    for call in [Call::Commit, Call::Committed] {
        for spared in (0..EPOCHS).step_by(2) {
            let world = World::new();
            world.servers[1].fail_later(spared, (call, ABORTED));
            let what = format!("{call:?} {spared}");
            run(&world).expect(&what);
            assert_eq!(world.servers[1].faults_left(), 0);
            world.verdict(&what);
        }
    }
}

#[test]
fn an_epoch_that_always_fails_stops_the_run() {
    let world = World::new();
    world.servers[2].fail(&[(Call::Prepare, ABORTED); 99]);
    let error = run(&world).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the epoch was rolled back 5 times in a row: sink `summed`: injected: Prepare"
    );
    let staged = |server: &Server| server.lock().staged.len();
    assert_eq!(world.servers.each_ref().map(staged), [0; 3]);
    // Two lanes prepare in each of six attempts.
    let left = world.servers[2].faults_left();
    assert!((99 - 12..=99 - 6).contains(&left), "{left}");
    world.servers[2].forgive();
    run(&world).unwrap();
    world.verdict("after it was rolled back too often");
}

/// The next run computes the epoch.
#[test]
fn a_run_that_is_stopped_while_it_rolls_back_ends() {
    let world = World::new();
    world.servers[0].fail(&[(Call::Prepare, ABORTED); 99]);
    let stop = Stop::default();
    let (stops, server) = (stop.clone(), world.servers[0].clone());
    let stopper = std::thread::spawn(move || {
        while server.faults_left() == 99 {
            std::thread::yield_now();
        }
        stops.request();
    });
    let outcome = world.run_with(stop, |server| Transactional(server.clone()));
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "stopped before the last epoch was computed again, which the next run will do: sink \
         `out`: injected: Prepare"
    );
    stopper.join().unwrap();
    let staged = |server: &Server| server.lock().staged.len();
    assert_eq!(world.servers.each_ref().map(staged), [0; 3]);
    world.servers[0].forgive();
    run(&world).unwrap();
    world.verdict("stopped while it rolled back");
}

/// Only a checkpoint knows what to go back to.
#[test]
fn without_a_checkpoint_an_epoch_that_fails_stops_the_run() {
    let server = Server::default();
    server.watch(&SimulatedDisk::new());
    server.fail(&[(Call::Write, ABORTED)]);
    let manifest = super::MANIFEST.replace("checkpoint: { to: ./nowhere, retain: 2 }", "");
    let sink = Arc::new(Transactional(server.clone()));
    let plan = support::plan(&manifest, Arc::new(Numbers), sink);
    let error = support::run(plan).unwrap_err();
    assert_eq!(error.to_string(), "sink `out`: injected: Write");
    assert_eq!(server.lock().aborts, 1);
}

/// A sink in whose first write another run takes the checkpoint over.
struct Usurped {
    sink: Transactional,
    checkpoint: Arc<dyn Storage>,
    /// Of all sinks and lanes.
    has_written: Arc<AtomicBool>,
}

struct UsurpedWriter {
    checkpoint: Arc<dyn Storage>,
    has_written: Arc<AtomicBool>,
}

#[async_trait]
impl Sink for Usurped {
    fn wants(&self) -> Wants {
        self.sink.wants()
    }

    fn delivery(&self) -> Delivery {
        self.sink.delivery()
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        self.sink.recover(recovery).await
    }

    async fn writer(&self, _: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(UsurpedWriter {
            checkpoint: self.checkpoint.clone(),
            has_written: self.has_written.clone(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        self.sink.commit(epoch, prepared).await
    }

    async fn abort(&self) -> Result<()> {
        self.sink.abort().await
    }
}

#[async_trait]
impl SinkWriter for UsurpedWriter {
    async fn write(&mut self, _: Output) -> Result<()> {
        if self.has_written.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        Checkpoint::open(self.checkpoint.clone(), "stored", 2).await?;
        Err(Error::invalid("it fails for a reason of its own"))
    }

    async fn prepare(&mut self, _: &Epoch) -> Result<Prepared> {
        Ok(Prepared::default())
    }
}

/// What its sinks have prepared by now may be the other run's.
#[test]
fn a_run_that_fails_after_another_has_taken_over_rolls_nothing_back() {
    let world = World::new();
    let has_written = Arc::new(AtomicBool::new(false));
    let outcome = world.run_with(Stop::default(), |server| Usurped {
        sink: Transactional(server.clone()),
        checkpoint: storage(&world.disk),
        has_written: has_written.clone(),
    });
    let error = outcome.unwrap_err().to_string();
    assert!(
        error.ends_with("it fails for a reason of its own"),
        "{error}"
    );
    let aborts = world.servers.each_ref().map(|server| server.lock().aborts);
    assert_eq!(aborts, [0; 3]);
}
