//! A system that rows are written to. It is elsewhere: what it has outlives every crash
//! here, and it knows what it must never be asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use azud_connect::{Output, SimulatedDisk};
use azud_model::{Error, ErrorKind, Result};
use azud_state::View;

use super::storage;

/// Which call of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Recover,
    Writer,
    Write,
    Prepare,
    Commit,
    /// A commit that succeeds and is told to have failed.
    Committed,
}

/// The server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What was prepared and neither committed nor rolled back, by token.
    pub(crate) staged: BTreeMap<String, Vec<String>>,
    /// By epoch, with the tokens that it was made of.
    pub(crate) committed: BTreeMap<u64, (Vec<String>, Vec<String>)>,
    /// How many tokens there were.
    pub(crate) tokens: u64,
    pub(crate) aborts: u64,
    faults: VecDeque<(Call, ErrorKind)>,
    /// How many calls that would fail are let pass first.
    spared: u64,
    wrongs: Vec<String>,
    is_off: bool,
    disk: Option<SimulatedDisk>,
}

// === impl Server ===

impl Server {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next calls of that name fail, as often as the fault is there, one after the other.
    pub(crate) fn fail(&self, faults: &[(Call, ErrorKind)]) {
        self.lock().faults.extend(faults);
    }

    /// The same, after so many such calls.
    pub(crate) fn fail_later(&self, spared: u64, fault: (Call, ErrorKind)) {
        self.lock().spared = spared;
        self.fail(&[fault]);
    }

    /// No call fails any more.
    pub(crate) fn forgive(&self) {
        self.lock().faults.clear();
    }

    /// How many of the faults have not come about.
    pub(crate) fn faults_left(&self) -> usize {
        self.lock().faults.len()
    }

    /// Knows from now on what is on the disk of the machine that writes to it.
    pub(crate) fn watch(&self, disk: &SimulatedDisk) {
        self.lock().disk = Some(disk.clone());
    }

    pub(crate) fn power(&self, is_on: bool) {
        self.lock().is_off = !is_on;
    }

    /// What it was asked for and must not have been.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.lock().wrongs.clone()
    }

    /// The rows of each epoch, sorted.
    pub(crate) fn committed(&self) -> BTreeMap<u64, Vec<String>> {
        let state = self.lock();
        let committed = state.committed.iter();
        committed
            .map(|(epoch, (_, rows))| (*epoch, rows.clone()))
            .collect()
    }

    /// The call fails if its turn has come.
    pub(crate) fn fallible(&self, call: Call) -> Result<()> {
        let mut state = self.lock();
        match state.faults.front().copied() {
            Some((due, _)) if due == call && state.spared > 0 => {
                state.spared -= 1;
                Ok(())
            }
            Some((due, kind)) if due == call => {
                state.faults.pop_front();
                Err(Error::new(kind, format!("injected: {call:?}")))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn wrong(&self, what: String) {
        self.lock().wrongs.push(what);
    }

    /// Whether the machine would know of an epoch's record if its power was cut now.
    pub(crate) async fn is_recorded(&self, epoch: u64) -> bool {
        let disk = self.lock().disk.clone().unwrap();
        let view = View::new(storage(&disk.crash(epoch)));
        view.record(Some(epoch)).await.is_ok()
    }
}

// === impl State ===

impl State {
    /// Rolls back what is staged, but for those tokens. Nobody does that without power.
    pub(crate) fn roll_back(&mut self, but: &[String]) {
        if !self.is_off {
            self.staged.retain(|token, _| but.contains(token));
        }
    }

    pub(crate) fn token(&mut self, epoch: u64) -> String {
        self.tokens += 1;
        format!("{epoch}-{}", self.tokens)
    }
}

/// The rows of an output as JSON.
pub(crate) fn json(output: &Output) -> Vec<String> {
    let Output::Rows(batch) = output else {
        panic!("it takes rows");
    };
    let rows = 0..batch.rows();
    let json = rows.map(|row| azud_connect::row_json(batch.columns(), row));
    json.map(|row| String::from_utf8(row).unwrap()).collect()
}
