//! Several runs over one object store, in every order of their requests.
//!
//! Each actor is what the engine does: open, roll back, commit what is recorded, and then
//! prepare, record, look for other owners, commit. A request is a turn; nothing is mocked
//! but the sink, which loses what is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use azud_model::{Epoch, ErrorKind, Result};
use bytes::Bytes;
use object_store::memory::InMemory;

use super::*;
use crate::{Listed, ObjectStorage, Record, Shape, StateRecord};

/// Waits until it is this actor's turn.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// A storage each of whose requests is a turn: `replace` is two, as on a server. `claims`:
/// whether it writes claims, which it only pretends otherwise.
#[derive(Debug)]
struct Turns {
    store: ObjectStorage,
    claims: bool,
}

#[async_trait::async_trait]
impl Storage for Turns {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        turn().await;
        self.store.put(name, bytes).await
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<bool> {
        turn().await;
        if !self.claims && bytes.starts_with(b"{\"claim\"") {
            return Ok(true);
        }
        self.store.put_new(name, bytes).await
    }

    async fn replace(&self, name: &str, before: &Bytes, bytes: Bytes) -> Result<bool> {
        turn().await;
        let _ = self.store.get(name).await?;
        turn().await;
        self.store.replace(name, before, bytes).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        turn().await;
        self.store.get(name).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        turn().await;
        self.store.list(folder).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        turn().await;
        self.store.delete(name).await
    }

    fn place(&self, name: &str) -> String {
        self.store.place(name)
    }
}

/// What a sink shows: which owner's output of which epoch.
#[derive(Debug, Default)]
struct Sink {
    prepared: BTreeSet<(u64, u64)>,
    committed: BTreeMap<u64, u64>,
}

impl Sink {
    /// Rolls back what earlier owners prepared, but what is recorded.
    fn recover(&mut self, own: u64, last: Option<(u64, u64)>) {
        self.prepared
            .retain(|one| Some(*one) == last || one.1 > own);
    }

    fn commit(&mut self, epoch: u64, owner: u64) {
        if self.committed.get(&epoch) == Some(&owner) {
            return;
        }
        assert!(
            self.prepared.remove(&(epoch, owner)),
            "epoch {epoch} is lost"
        );
        let doubled = self.committed.insert(epoch, owner);
        assert_eq!(doubled, None, "epoch {epoch} is there twice");
    }
}

async fn run(storage: Arc<dyn Storage>, sink: Arc<Mutex<Sink>>, epochs: u64) -> Result<()> {
    let Opened {
        checkpoint, last, ..
    } = Checkpoint::open(storage, "p", 100).await?;
    let own = checkpoint.generation();
    turn().await;
    let recorded = last.as_ref().map(|last| (last.epoch, last.generation));
    sink.lock().unwrap().recover(own, recorded);
    if let Some((epoch, owner)) = recorded {
        turn().await;
        sink.lock().unwrap().commit(epoch, owner);
    }
    let first = last.as_ref().map_or(0, |last| last.epoch + 1);
    let mut files: Vec<_> = last
        .iter()
        .flat_map(|last| &last.states[0].files)
        .cloned()
        .collect();
    for number in first..first + epochs {
        turn().await;
        sink.lock().unwrap().prepared.insert((number, own));
        files.push(checkpoint.put_state(number, "s-0", 1, vec![1]).await?);
        let epoch = Epoch {
            number,
            time_ms: 1,
            input_rows: 1,
            last: false,
        };
        let mut record = Record::new("p", checkpoint.run(), own, &epoch);
        record.states.push(StateRecord {
            node: "s".to_owned(),
            step: 0,
            shape: Shape {
                keys: 1,
                columns: Vec::new(),
                computes: String::new(),
            },
            files: files.clone(),
            forgotten_below: None,
            watermark: None,
            closed: None,
        });
        checkpoint.record(&record).await?;
        checkpoint.check_owner().await?;
        turn().await;
        sink.lock().unwrap().commit(number, own);
        checkpoint.clean().await?;
    }
    Ok(())
}

type Actor = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Runs of one checkpoint.
struct World {
    storage: Arc<dyn Storage>,
    sink: Arc<Mutex<Sink>>,
    actors: Vec<Option<Actor>>,
    errors: Vec<String>,
}

impl World {
    fn new(epochs: &[u64], claims: bool) -> Self {
        let store = ObjectStorage::new(Arc::new(InMemory::new()), "memory://");
        let (storage, sink) = (
            Arc::new(Turns { store, claims }),
            Arc::new(Mutex::new(Sink::default())),
        );
        let actor = |epochs| Some(Box::pin(run(storage.clone(), sink.clone(), epochs)) as Actor);
        let actors = epochs.iter().map(|epochs| actor(*epochs)).collect();
        Self {
            actors,
            sink,
            storage,
            errors: Vec::new(),
        }
    }

    /// Gives an actor turns; answers how many it took.
    fn go(&mut self, actor: usize, turns: usize) -> usize {
        for taken in 0..turns {
            let Some(own) = &mut self.actors[actor] else {
                return taken;
            };
            match own.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => {}
                Poll::Ready(done) => {
                    self.actors[actor] = None;
                    if let Err(error) = done {
                        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                        self.errors.push(error.to_string());
                    }
                }
            }
        }
        turns
    }

    /// Lets all end, and one more run come after them: it must find everything in order.
    fn end(mut self) -> Vec<String> {
        for actor in 0..self.actors.len() {
            self.go(actor, usize::MAX);
        }
        let last = Box::pin(run(self.storage.clone(), self.sink.clone(), 1));
        self.actors = vec![Some(last)];
        let before = self.errors.len();
        self.go(0, usize::MAX);
        assert_eq!(
            self.errors.len(),
            before,
            "the checkpoint is dead: {:?}",
            self.errors
        );

        let recorded = async {
            let log = EpochLog::new(self.storage.clone());
            let mut recorded = BTreeMap::new();
            for epoch in log.epochs().await.unwrap() {
                recorded.insert(epoch, log.read(epoch).await.unwrap().generation);
            }
            recorded
        };
        let mut recorded = Box::pin(recorded);
        let recorded = loop {
            let polled = recorded
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(recorded) = polled {
                break recorded;
            }
        };
        assert_eq!(self.sink.lock().unwrap().committed, recorded);
        let epochs: Vec<u64> = recorded.into_keys().collect();
        assert_eq!(epochs, (0..epochs.len() as u64).collect::<Vec<_>>());
        self.errors
    }
}

/// Timers of tokio are made, and never run.
fn timers() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

/// The earlier run is interrupted anywhere, the later one as well, and the earlier one again;
/// answers how many schedules that are, and which errors ended runs.
fn interrupted(claims: bool) -> (usize, BTreeMap<String, usize>) {
    let runtime = timers();
    let _guard = runtime.enter();
    let turns = World::new(&[2], claims).go(0, usize::MAX);
    let (mut schedules, mut outcomes) = (0, BTreeMap::new());
    for first in 0..=turns {
        for second in 0..=turns {
            for third in 1..=turns {
                let mut world = World::new(&[2, 1], claims);
                world.go(0, first);
                let all = world.go(1, second) < second;
                let rest = world.go(0, third) < third;
                world.go(1, usize::MAX);
                for error in world.end() {
                    *outcomes.entry(error).or_insert(0) += 1;
                }
                schedules += 1;
                // The same again with more.
                if rest || all {
                    break;
                }
            }
        }
    }
    (schedules, outcomes)
}

#[test]
fn a_run_that_wakes_up_behind_its_successor() {
    let (schedules, outcomes) = interrupted(true);
    assert!(schedules > 5_000, "{schedules}");
    let some = |text: &str| outcomes.keys().any(|error| error.contains(text));
    assert!(some(
        "another run has taken over the checkpoint `memory://`"
    ));
    assert!(some("is recorded in `memory://` already, by another run"));
}

/// The epoch of the one that wakes up is recorded after it was rolled back.
#[test]
#[should_panic(expected = "epoch 0 is lost")]
fn without_claims_it_would_be_lost() {
    interrupted(false);
}

/// Three runs, in orders that a seed makes.
#[test]
fn three_runs_at_once() {
    let runtime = timers();
    let _guard = runtime.enter();
    for seed in 0..3_000_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut world = World::new(&[2, 2, 2], true);
        for _ in 0..400 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let turns = usize::try_from(random >> 8 & 7).unwrap();
            world.go(usize::try_from(random % 3).unwrap(), turns * turns);
        }
        world.end();
    }
}
