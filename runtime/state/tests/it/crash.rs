//! The power is cut, or the process killed, at every call that changes the disk.

use std::io::ErrorKind;

use azud_connect::{Fails, SimulatedDisk};

use crate::script::{EPOCHS, Known, open, work};
use crate::seeds;

/// A process that has no power does not try again.
fn never(_: &azud_model::Error) -> bool {
    false
}

/// How many calls a run makes that nothing happens to.
pub(crate) async fn calls() -> u64 {
    let (disk, mut known) = (SimulatedDisk::new(), Known::default());
    work(&disk, &mut known, &mut never).await.unwrap();
    assert_eq!(known.recorded, Some(EPOCHS - 1));
    assert!(known.merges >= 2, "{} merges", known.merges);
    disk.mutations()
}

/// A run to the end, which finds nothing odd.
pub(crate) async fn finish(disk: &SimulatedDisk, known: &mut Known) {
    known.warnings.clear();
    work(disk, known, &mut never).await.unwrap();
    assert_eq!(known.recorded, Some(EPOCHS - 1));
    assert_eq!(known.warnings, [""; 0]);
}

#[tokio::test]
async fn the_power_is_cut_at_every_call() {
    let (mut cuts, calls) = (0, calls().await);
    for call in 0..calls {
        for seed in seeds(4) {
            let (disk, mut known) = (SimulatedDisk::new(), Known::default());
            disk.fail_at(call, Fails::FromThenOn, ErrorKind::Other);
            // What is only cleaning or merging fails unseen.
            let outcome = work(&disk, &mut known, &mut never).await;
            assert!(outcome.is_err() || !known.warnings.is_empty(), "{call}");
            let disk = disk.crash(call * 4 + seed);
            finish(&disk, &mut known).await;
            cuts += 1;
        }
    }
    println!("{cuts} power cuts at {calls} calls: nothing lost, nothing left over");
}

/// The second cut comes in the run that goes on after the first.
#[tokio::test]
async fn the_power_is_cut_again_while_it_goes_on() {
    let calls = calls().await;
    for call in (0..calls).step_by(3) {
        let (mut disk, mut known) = (SimulatedDisk::new(), Known::default());
        disk.fail_at(call, Fails::FromThenOn, ErrorKind::Other);
        let _ = work(&disk, &mut known, &mut never).await;
        for again in 0..4 {
            disk = disk.crash(call + again);
            disk.fail_at((call * 7 + again) % 40, Fails::FromThenOn, ErrorKind::Other);
            known.warnings.clear();
            let _ = work(&disk, &mut known, &mut never).await;
        }
        finish(&disk.crash(call), &mut known).await;
    }
}

/// What a run goes on from its sinks commit: a power cut after that may not undo it, also
/// where the process before was killed between writing the record and making it durable.
#[tokio::test]
async fn the_process_is_killed_and_then_the_power_is_cut() {
    for call in 0..calls().await {
        for seed in seeds(4) {
            let (disk, mut known) = (SimulatedDisk::new(), Known::default());
            disk.fail_at(call, Fails::FromThenOn, ErrorKind::Other);
            let _ = work(&disk, &mut known, &mut never).await;
            // What a process sees of a killed one's files is all that it wrote.
            disk.heal();
            known.warnings.clear();
            drop(open(&disk, &mut known, &mut never).await.unwrap());
            known.tried = known.recorded;
            let disk = disk.crash(call * 4 + seed);
            finish(&disk, &mut known).await;
        }
    }
}
