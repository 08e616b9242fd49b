//! Sinks whose calls fail.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use azud_connect::LocalDisk;
use azud_engine::{Control, RunOptions, Stop};
use azud_model::{ErrorKind, Result};
use azud_state::{Checkpoint, LocalStorage, Storage};

use super::World;
use super::fallible::Transactional;
use super::rows::Numbers;
use super::server::{Call, Server};
use crate::support::plan;

const AWAY: ErrorKind = ErrorKind::Unavailable;
const FOR_GOOD: ErrorKind = ErrorKind::Invalid;

fn run(world: &World) -> Result<()> {
    world.run_with(Stop::default(), |server| Transactional(server.clone()))
}

/// Every call is tried again, and has its effect once.
#[test]
fn a_sink_that_is_away_is_waited_for() {
    for faults in [
        vec![(Call::Recover, AWAY), (Call::Writer, AWAY)],
        vec![(Call::Prepare, AWAY); 2],
        vec![(Call::Commit, AWAY); 3],
        vec![(Call::Committed, AWAY); 2],
    ] {
        let world = World::new();
        world.servers[1].fail(&faults);
        run(&world).unwrap();
        assert_eq!(world.servers[1].faults_left(), 0);
        world.verdict(&format!("{faults:?}"));
    }
}

/// Once it is recorded, an epoch is the next run's to commit: in all sinks.
#[test]
fn a_commit_that_fails_for_good_is_made_by_the_next_run() {
    for call in [Call::Commit, Call::Committed] {
        for sink in 0..3 {
            let world = World::new();
            world.servers[sink].fail(&[(Call::Recover, AWAY), (call, FOR_GOOD)]);
            let error = run(&world).unwrap_err();
            assert!(error.to_string().starts_with("sink `"), "{error}");
            let aborts = world.servers.each_ref().map(|server| server.lock().aborts);
            assert_eq!(aborts, [0; 3], "it rolls back what is recorded");
            run(&world).unwrap();
            world.verdict(&format!("{call:?} of sink {sink}"));
        }
    }
}

#[test]
fn a_prepare_that_fails_for_good_is_rolled_back() {
    let world = World::new();
    world.servers[2].fail(&[(Call::Prepare, FOR_GOOD)]);
    let error = run(&world).unwrap_err();
    assert_eq!(error.to_string(), "sink `summed`: injected: Prepare");
    let staged = |server: &Server| server.lock().staged.len();
    assert_eq!(world.servers.each_ref().map(staged), [0; 3]);
    run(&world).unwrap();
    world.verdict("a failed prepare");
}

/// The epoch is recorded and none of the sinks has committed it: one that cannot come
/// back may not take it away from the others.
#[test]
fn a_sink_that_cannot_come_back_costs_the_others_nothing() {
    for (sink, call) in [
        (0, Call::Recover),
        (1, Call::Recover),
        (2, Call::Recover),
        (0, Call::Commit),
        (1, Call::Commit),
        (0, Call::Writer),
    ] {
        let world = World::new();
        world.servers[0].fail(&[(Call::Commit, FOR_GOOD)]);
        run(&world).unwrap_err();
        world.servers[sink].fail(&[(call, FOR_GOOD)]);
        let error = run(&world).unwrap_err();
        assert!(error.to_string().contains("injected"), "{error}");
        run(&world).unwrap();
        world.verdict(&format!("{call:?} of sink {sink} at a start"));
    }
}

/// What can never be committed stops no pipeline for ever: one epoch is lost in one sink,
/// which the error says how to.
#[test]
fn a_commit_that_can_never_succeed_is_given_up_if_that_is_allowed() {
    let world = World::new();
    let reset = |sinks: &[&str]| {
        world.run_resetting(sinks, Stop::default(), |server| {
            Transactional(server.clone())
        })
    };
    world.servers[1].fail(&[(Call::Commit, FOR_GOOD); 3]);
    run(&world).unwrap_err();
    // Of the other sinks it is not allowed.
    let error = reset(&["out"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sink `counted`: cannot commit epoch 0, which is recorded (if that can never succeed, \
         `--allow-reset counted` goes on without its rows there): injected: Commit"
    );
    reset(&["counted"]).unwrap();
    assert!(world.servers[1].lock().staged.is_empty(), "not rolled back");
    for (name, server) in super::SINKS.iter().zip(&world.servers) {
        assert_eq!(server.wrongs(), [""; 0], "sink `{name}`");
        let first = u64::from(*name == "counted");
        let committed = server.committed();
        let epochs: Vec<u64> = committed.keys().copied().collect();
        let expected_epochs: Vec<u64> = (first..super::rows::EPOCHS).collect();
        assert_eq!(epochs, expected_epochs, "sink `{name}`");
        for (epoch, rows) in committed {
            assert_eq!(rows, super::rows::expected(name, epoch), "{name}, {epoch}");
        }
    }
}

/// Ctrl-C while a sink that is away is waited for, with an epoch to be committed.
#[test]
fn a_run_that_is_stopped_while_it_comes_back_rolls_nothing_back() {
    let world = World::new();
    world.servers[0].fail(&[(Call::Commit, FOR_GOOD)]);
    run(&world).unwrap_err();
    world.servers[0].fail(&[(Call::Commit, AWAY); 9]);
    let stop = Stop::default();
    let (stops, server) = (stop.clone(), world.servers[0].clone());
    let stopper = std::thread::spawn(move || {
        while server.faults_left() == 9 {
            std::thread::yield_now();
        }
        stops.request();
    });
    world
        .run_with(stop, |server| Transactional(server.clone()))
        .unwrap();
    stopper.join().unwrap();
    let left = world.servers[0].faults_left();
    assert!((1..9).contains(&left), "{left}");
    world.servers[0].forgive();
    run(&world).unwrap();
    world.verdict("stopped while it came back");
}

/// What is prepared there is the other run's.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_refused_the_checkpoint_rolls_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::new(Arc::new(LocalDisk), folder.path().to_owned());
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let _other = Checkpoint::open(storage.clone(), "stored", 2)
        .await
        .unwrap();
    let server = Server::default();
    let sink = Arc::new(Transactional(server.clone()));
    let plan = plan(super::MANIFEST, Arc::new(Numbers), sink).with_checkpoint(storage);
    let run = move || {
        plan.run(RunOptions {
            control: Control::default(),
            allow_reset: Vec::new(),
            stop: Stop::default(),
            progress: Arc::new(AtomicU64::new(0)),
            on_epoch: Box::new(|_| {}),
        })
    };
    let error = tokio::task::spawn_blocking(run).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("another run uses"), "{error}");
    assert_eq!(server.lock().aborts, 0);
}
