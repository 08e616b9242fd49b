//! The checkpoint's disk fails at every call that changes it.

use std::io::ErrorKind as IoKind;
use std::time::Duration;

use azud_connect::Fails;
use azud_engine::Stop;
use azud_model::Result;

use super::fallible::Transactional;
use super::{World, part};

fn run(world: &World) -> Result<()> {
    world.run_with(Stop::default(), |server| Transactional(server.clone()))
}

/// How many calls a run makes that nothing happens to.
fn calls() -> u64 {
    let world = World::new();
    run(&world).unwrap();
    world.verdict("undisturbed");
    let calls = world.disk.mutations();
    // A run that has nothing left to do changes nothing that is visible.
    run(&world).unwrap();
    world.verdict("once more");
    calls
}

#[test]
fn the_power_is_cut_at_every_call() {
    let calls = calls();
    for call in 0..calls {
        let world = World::new().cut(call, run);
        run(&world).unwrap();
        world.verdict(&format!("cut at {call}"));
    }
    println!("{calls} power cuts: 0 missing, 0 doubled");
}

#[test]
fn the_power_is_cut_again_and_again() {
    for first in part(30, 3) {
        let mut world = World::new();
        for cut in 0..6 {
            world = world.cut(20 + first + 7 * cut, run);
        }
        run(&world).unwrap();
        world.verdict(&format!("cut from {first} on"));
    }
}

/// A sync that fails ends the run; what it may have lost, the next one does again.
#[test]
fn it_breaks_at_every_call_and_the_next_run_goes_on() {
    let mut ended = 0;
    for call in part(calls(), 2) {
        let world = World::new();
        world.disk.fail_at(call, Fails::Once, IoKind::Other);
        if let Err(error) = run(&world) {
            let text = error.to_string();
            assert!(
                text.contains("`/state/") && text.contains("injected"),
                "{text}"
            );
            ended += 1;
        }
        // Its calls that were under way have ended.
        std::thread::sleep(Duration::from_millis(2));
        world.disk.heal();
        run(&world).unwrap();
        world.verdict(&format!("broken at {call}"));
    }
    assert!(ended > 20, "{ended}");
}

/// Nobody has to start it again once there is room.
#[test]
fn it_is_full_at_every_call_and_goes_on() {
    for call in part(calls(), 5) {
        let world = World::new();
        world.disk.fail_at(call, Fails::Once, IoKind::StorageFull);
        run(&world).unwrap();
        world.verdict(&format!("full at {call}"));
    }
}

#[test]
fn it_is_full_until_there_is_room() {
    for capacity in [100, 5_000, 9_000, 14_000] {
        let world = World::new();
        world.disk.set_capacity(Some(capacity));
        let disk = world.disk.clone();
        let cleaner = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            disk.set_capacity(None);
        });
        run(&world).unwrap();
        world.verdict(&format!("full at {capacity} bytes"));
        cleaner.join().unwrap();
    }
}
