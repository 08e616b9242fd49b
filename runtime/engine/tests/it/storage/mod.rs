//! Pipelines whose checkpoint is on a disk that fails, and whose sinks fail: at the end
//! every epoch is there once, with exactly its rows.

mod disk;
mod fallible;
mod rollback;
mod rows;
mod server;
mod sinks;
mod spool;

use std::io::ErrorKind as IoKind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use azud_connect::{Fails, SimulatedDisk, Sink};
use azud_engine::{Control, RunOptions, Stop};
use azud_model::Result;
use azud_state::{LocalStorage, Storage};

use crate::support::plan;
use rows::{EPOCHS, Numbers, expected};
use server::Server;

/// Three sinks: plain rows, and two aggregates with states of their own.
const SINKS: [&str; 3] = ["out", "counted", "summed"];

pub(crate) const MANIFEST: &str = "
name: stored
trigger: once
parallelism: 2
checkpoint: { to: ./nowhere, retain: 2 }
sources:
  in: { file: { path: . }, format: text }
transforms:
  numbers: { sql: 'SELECT CAST(value AS BIGINT) AS n FROM `in`' }
  counts: { sql: 'SELECT n % 5 AS k, count(*) AS c FROM numbers GROUP BY n % 5' }
  sums: { sql: 'SELECT n % 3 AS k, sum(n) AS s FROM numbers GROUP BY n % 3' }
sinks:
  out: { from: numbers, blackhole: {} }
  counted: { from: counts, blackhole: {}, mode: update }
  summed: { from: sums, blackhole: {}, mode: complete }
";

/// A machine's disk, and three servers elsewhere, which outlive it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) servers: [Server; 3],
}

pub(crate) fn storage(disk: &SimulatedDisk) -> Arc<dyn Storage> {
    let storage = LocalStorage::new(Arc::new(disk.clone()), "/state".into());
    Arc::new(storage.without_locks())
}

/// How many of some faults are tried: all, or a part.
pub(crate) fn part(all: u64, of: usize) -> impl Iterator<Item = u64> {
    let step = match std::env::var("AZUD_FAULTS").as_deref() {
        Ok("all") => 1,
        _ => of,
    };
    (0..all).step_by(step)
}

// === impl World ===

impl World {
    pub(crate) fn new() -> Self {
        let disk = SimulatedDisk::new();
        let servers = SINKS.map(|_| Server::default());
        Self { disk, servers }
    }

    /// Runs until the end or a failure, with sinks made of the servers.
    pub(crate) fn run_with<S: Sink + 'static>(
        &self,
        stop: Stop,
        sink: impl Fn(&Server) -> S,
    ) -> Result<()> {
        self.run_resetting(&[], stop, sink)
    }

    /// The same; those sinks may start anew.
    pub(crate) fn run_resetting<S: Sink + 'static>(
        &self,
        sinks: &[&str],
        stop: Stop,
        sink: impl Fn(&Server) -> S,
    ) -> Result<()> {
        let [out, counted, summed] = &self.servers;
        for server in &self.servers {
            server.watch(&self.disk);
        }
        let plan = plan(MANIFEST, Arc::new(Numbers), Arc::new(sink(out)))
            .with_sink("counted", Arc::new(sink(counted)))
            .with_sink("summed", Arc::new(sink(summed)))
            .with_checkpoint(storage(&self.disk));
        let outcome = plan.run(RunOptions {
            control: Control::default(),
            allow_reset: sinks.iter().map(|&name| name.to_owned()).collect(),
            stop,
            progress: Arc::new(AtomicU64::new(0)),
            on_epoch: Box::new(|_| {}),
        });
        outcome.map(|_| ())
    }

    /// The power goes off at a call: nobody rolls anything back, and a part of what was not
    /// durable is left.
    pub(crate) fn cut(&self, call: u64, run: impl Fn(&Self) -> Result<()>) -> Self {
        self.disk.fail_at(call, Fails::FromThenOn, IoKind::Other);
        self.power(false);
        let _ = run(self);
        self.power(true);
        Self {
            disk: self.disk.crash(call),
            servers: self.servers.clone(),
        }
    }

    /// Without power nobody rolls back.
    pub(crate) fn power(&self, is_on: bool) {
        for server in &self.servers {
            server.power(is_on);
        }
    }

    /// Every epoch is there once, with exactly its rows.
    pub(crate) fn verdict(&self, what: &str) {
        for (name, server) in SINKS.iter().zip(&self.servers) {
            assert_eq!(server.wrongs(), [""; 0], "{what}: sink `{name}`");
            let committed = server.committed();
            assert_eq!(committed.len() as u64, EPOCHS, "{what}: sink `{name}`");
            for (epoch, rows) in committed {
                assert_eq!(
                    rows,
                    expected(name, epoch),
                    "{what}: sink `{name}`, {epoch}"
                );
            }
        }
    }
}
