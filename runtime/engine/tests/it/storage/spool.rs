//! A sink that cannot find again what it prepared, and knows what it committed: the spool
//! is on a disk that fails.

use std::io::ErrorKind as IoKind;
use std::sync::Mutex;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Fails, Output, Prepared, Recovery, Sink, SinkWriter, Wants};
use azud_engine::Stop;
use azud_model::{Epoch, ErrorKind, Result};

use super::rows::EPOCHS;
use super::server::{Call, Server, json};
use super::{World, part};

const AWAY: ErrorKind = ErrorKind::Unavailable;
const FOR_GOOD: ErrorKind = ErrorKind::Invalid;

/// Remembers epochs; forgets what was not committed when it goes away.
struct Remembers {
    server: Server,
    prepared: std::sync::Arc<Mutex<Vec<String>>>,
}

struct Writer {
    server: Server,
    prepared: std::sync::Arc<Mutex<Vec<String>>>,
    rows: Vec<String>,
}

fn remembers(server: &Server) -> Remembers {
    Remembers {
        server: server.clone(),
        prepared: std::sync::Arc::default(),
    }
}

fn run(world: &World) -> Result<()> {
    world.run_with(Stop::default(), remembers)
}

#[async_trait]
impl Sink for Remembers {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        Delivery::Spooled
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        self.server.fallible(Call::Recover)?;
        assert!(!recovery.run.is_empty());
        let last = recovery.last.as_ref().map(|last| last.epoch.number);
        let newest = self.server.committed().keys().next_back().copied();
        if newest > last {
            let what = format!("{newest:?} is committed, and {last:?} recorded");
            self.server.wrong(what);
        }
        Ok(())
    }

    async fn writer(&self, lane: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        assert_eq!(lane, 0, "one writer for all lanes");
        self.server.fallible(Call::Writer)?;
        Ok(Box::new(Writer {
            server: self.server.clone(),
            prepared: self.prepared.clone(),
            rows: Vec::new(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, _: Vec<Prepared>) -> Result<()> {
        // It is asked after the epoch's rows were given: `after-spool` is here.
        self.server.fallible(Call::Commit)?;
        let number = epoch.number;
        if !self.server.is_recorded(number).await {
            let what = format!("a commit of {number}, which is not recorded");
            self.server.wrong(what);
        }
        let mut rows = std::mem::take(&mut *self.prepared.lock().unwrap());
        rows.sort();
        let mut state = self.server.lock();
        let before = state.committed.get(&number).cloned();
        match before {
            // It has the epoch, and does not look at what it is given again.
            Some(_) => {}
            None => drop(state.committed.insert(number, (Vec::new(), rows))),
        }
        drop(state);
        self.server.fallible(Call::Committed)
    }

    async fn abort(&self) -> Result<()> {
        self.prepared.lock().unwrap().clear();
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        self.rows.extend(json(&output));
        Ok(())
    }

    async fn prepare(&mut self, _: &Epoch) -> Result<Prepared> {
        self.server.fallible(Call::Prepare)?;
        let rows = std::mem::take(&mut self.rows);
        let mut prepared = self.prepared.lock().unwrap();
        if !prepared.is_empty() {
            self.server.wrong("prepared twice".to_owned());
        }
        *prepared = rows;
        Ok(Prepared::default())
    }
}

fn calls() -> u64 {
    let world = World::new();
    run(&world).unwrap();
    world.verdict("undisturbed");
    let calls = world.disk.mutations();
    // All is committed, and what was spooled is gone: there is nothing to be done.
    run(&world).unwrap();
    world.verdict("once more");
    assert_eq!(spooled(&world), [""; 0]);
    calls
}

/// What is left in the spool, but for what a run without new records was about to give
/// again when it ended: the next start removes that.
fn spooled(world: &World) -> Vec<String> {
    use azud_connect::Disk as _;
    let listed = world.disk.list("/state/spool".as_ref()).unwrap();
    let names = listed.into_iter().map(|entry| entry.name);
    let unused = format!("{EPOCHS:020}.");
    // What says which epoch was passed on last stays.
    let parts = names.filter(|name| !name.contains(".passed."));
    parts.filter(|name| !name.starts_with(&unused)).collect()
}

#[test]
fn the_power_is_cut_at_every_call() {
    let calls = calls();
    for call in part(calls, 2) {
        let world = World::new().cut(call, run);
        run(&world).unwrap();
        world.verdict(&format!("cut at {call}"));
        assert_eq!(spooled(&world), [""; 0], "cut at {call}");
    }
    println!("{calls} calls: 0 missing, 0 doubled");
}

#[test]
fn it_is_full_or_breaks() {
    let calls = calls();
    for call in part(calls, 9) {
        let world = World::new();
        world.disk.fail_at(call, Fails::Once, IoKind::StorageFull);
        run(&world).unwrap();
        world.verdict(&format!("full at {call}"));
    }
    for call in part(calls, 5) {
        let world = World::new();
        world.disk.fail_at(call, Fails::Once, IoKind::Other);
        if let Err(error) = run(&world) {
            let text = error.to_string();
            assert!(text.contains("`/state/"), "{text}");
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
        world.disk.heal();
        run(&world).unwrap();
        world.verdict(&format!("broken at {call}"));
    }
}

#[test]
fn a_sink_that_is_away_while_it_is_given_an_epoch_gets_it_once() {
    for fault in [Call::Writer, Call::Prepare, Call::Commit, Call::Committed] {
        let world = World::new();
        world.servers[0].fail(&[(fault, AWAY); 2]);
        run(&world).unwrap();
        assert_eq!(world.servers[0].faults_left(), 0);
        world.verdict(&format!("{fault:?} away"));
    }
}

/// At the worst moments: it has been given everything, or has committed and not said so.
#[test]
fn a_run_that_dies_while_it_passes_on_is_finished_by_the_next() {
    for fault in [Call::Writer, Call::Prepare, Call::Commit, Call::Committed] {
        for sink in 0..3 {
            let world = World::new();
            world.servers[sink].fail(&[(fault, FOR_GOOD)]);
            run(&world).unwrap_err();
            run(&world).unwrap();
            world.verdict(&format!("{fault:?} of sink {sink}"));
        }
    }
}
