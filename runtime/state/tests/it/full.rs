//! A disk that is full, broken or read-only.

use std::io::ErrorKind as IoKind;

use azud_connect::{Fails, SimulatedDisk};
use azud_model::ErrorKind;

use crate::crash::{calls, finish};
use crate::script::{Known, work};
use crate::seeds;

/// A full disk is tried again, nothing else is; the power is cut `later` calls after that.
#[tokio::test]
async fn it_is_full_once_at_every_call_and_the_power_is_cut_soon_after() {
    for call in 0..calls().await {
        for later in seeds(8).map(|seed| seed * 5 % 8) {
            let (disk, mut known) = (SimulatedDisk::new(), Known::default());
            disk.fail_at(call, Fails::Once, IoKind::StorageFull);
            let mut full = 0;
            let outcome = work(&disk, &mut known, &mut |error| {
                if error.kind() != ErrorKind::Unavailable {
                    return false;
                }
                assert!(error.to_string().contains("`/data/checkpoint/"), "{error}");
                full += 1;
                // With 0 there is no power cut: it goes on to the end.
                if later > 0 {
                    let next = disk.mutations() + later - 1;
                    disk.fail_at(next, Fails::FromThenOn, IoKind::Other);
                }
                true
            })
            .await;
            assert!(full <= 1, "it failed {full} times");
            if later == 0 {
                outcome.unwrap();
            }
            let disk = disk.crash(call + later);
            finish(&disk, &mut known).await;
        }
    }
}

/// Full at a size, until somebody makes room while it waits; or the power is cut while it waits.
#[tokio::test]
async fn it_is_full_until_there_is_room() {
    let (mut waited, mut cut) = (0, 0);
    for capacity in (0..36_000).step_by(181) {
        let (disk, mut known) = (SimulatedDisk::new(), Known::default());
        disk.set_capacity(Some(capacity));
        let mut attempts = 0;
        let outcome = work(&disk, &mut known, &mut |error| {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("no space left"), "{error}");
            attempts += 1;
            match capacity % 2 {
                0 if attempts == 3 => disk.set_capacity(None),
                1 if attempts == 3 => return false,
                _ => {}
            }
            true
        })
        .await;
        waited += u64::from(attempts > 0);
        cut += u64::from(outcome.is_err());
        assert!(outcome.is_ok() || attempts == 3);
        disk.set_capacity(None);
        let disk = disk.crash(capacity);
        finish(&disk, &mut known).await;
    }
    assert!(waited > 90 && cut > 45, "{waited}, {cut}");
}

/// What a failed sync has lost, a second one does not bring back: nothing is tried again.
#[tokio::test]
async fn it_breaks_once_at_every_call() {
    for call in 0..calls().await {
        for seed in seeds(4) {
            let (disk, mut known) = (SimulatedDisk::new(), Known::default());
            disk.fail_at(call, Fails::Once, IoKind::Other);
            let mut told = Vec::new();
            let outcome = work(&disk, &mut known, &mut |error| {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                told.push(error.to_string());
                false
            })
            .await;
            told.extend(known.warnings.iter().cloned());
            let [told] = told.as_slice() else {
                panic!("call {call}: it tells {told:?}, {outcome:?}");
            };
            let names_both = told.contains("`/data/checkpoint/") && told.contains("injected");
            assert!(names_both, "{told}");
            // The machine lives on with what it has, or is started anew.
            let disk = match seed {
                0 => disk,
                seed => disk.crash(call + seed),
            };
            disk.heal();
            finish(&disk, &mut known).await;
        }
    }
}

#[tokio::test]
async fn it_is_read_only_from_some_call_on() {
    for call in 0..calls().await {
        let (disk, mut known) = (SimulatedDisk::new(), Known::default());
        disk.fail_at(call, Fails::FromThenOn, IoKind::ReadOnlyFilesystem);
        let mut told = Vec::new();
        let _ = work(&disk, &mut known, &mut |error| {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            told.push(error.to_string());
            false
        })
        .await;
        told.extend(known.warnings.iter().cloned());
        let cannot = |text: &String| {
            text.starts_with("cannot ")
                && text.contains("`/data/checkpoint/")
                && text.contains("read-only")
        };
        assert!(!told.is_empty() && told.iter().all(cannot), "{told:?}");
        disk.heal();
        finish(&disk, &mut known).await;
    }
}
