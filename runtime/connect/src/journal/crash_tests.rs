//! Every call that changes the disk fails once, and the power is cut at every one.

use std::io::ErrorKind as IoKind;

use azud_model::{ErrorKind, Result};

use super::test_records::*;
use super::{Cursor, Journal};
use crate::{Fails, SimulatedDisk};

/// How many records are written in all.
const RECORDS: u64 = 60;

/// What somebody outside knows.
#[derive(Default)]
struct Known {
    /// Records before this one were acknowledged.
    durable: u64,
    /// The position that a checkpoint recorded.
    committed: Option<String>,
    /// Its record.
    next: u64,
}

fn expected(from: u64, to: u64) -> Vec<String> {
    (from..to).map(|n| format!("c:{n}:line {n}")).collect()
}

/// Opens a journal and reads all of it: what was acknowledged is there, in order, once.
fn check(disk: &SimulatedDisk, known: &mut Known) -> Result<(Journal, Cursor)> {
    let (journal, mut cursor) = open(disk, known.committed.as_deref())?;
    let start = cursor.clone();
    let from = known.next.max(1);
    assert_eq!(rest(&journal, &mut cursor), expected(from, journal.next()));
    assert!(journal.next() >= known.durable.max(1), "lost");
    known.durable = journal.next();
    Ok((journal, start))
}

/// Opens the journal, and writes, acknowledges, commits until all is written.
fn work(disk: &SimulatedDisk, known: &mut Known) -> Result<()> {
    let (mut journal, cursor) = check(disk, known)?;
    while journal.next() <= RECORDS {
        let next = journal.next();
        for first in [next, next + 1] {
            let line = format!("line {first}");
            journal.append(&records("c", first, &[&line]))?;
        }
        // A full disk is tried again: what failed changed nothing.
        while let Err(error) = journal.sync() {
            if error.kind() != ErrorKind::Unavailable {
                let again = journal.sync().unwrap_err();
                assert_eq!(again.kind(), ErrorKind::Internal);
                return Err(error);
            }
            assert_eq!(journal.next(), next);
        }
        known.durable = journal.next();
        if next % 12 == 7 {
            known.next = next - 3;
            known.committed = Some(cursor.position(known.next));
            journal.remove_before(&cursor.position(known.next))?;
        }
    }
    Ok(())
}

/// How many calls change the disk when nothing fails.
fn calls() -> u64 {
    let disk = SimulatedDisk::new();
    let mut known = Known::default();
    work(&disk, &mut known).unwrap();
    assert_eq!(known.durable, RECORDS + 1);
    assert!(disk.mutations() > 80);
    disk.mutations()
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_that_was_acknowledged() {
    for call in 0..calls() {
        for seed in 0..25 {
            let disk = SimulatedDisk::new();
            disk.fail_at(call, Fails::FromThenOn, IoKind::Other);
            let mut known = Known::default();
            assert!(work(&disk, &mut known).is_err());
            let disk = disk.crash(seed);
            // The power is cut again while the journal is repaired.
            disk.fail_at(seed % 5, Fails::FromThenOn, IoKind::Other);
            let _ = check(&disk, &mut known);
            let disk = disk.crash(seed);
            work(&disk, &mut known).unwrap_or_else(|error| panic!("{call}, {seed}: {error}"));
            check(&disk.crash(seed), &mut known).unwrap();
        }
    }
}

/// The machine stays up: what the system shows of a file after a sync that failed is not
/// what is on the disk.
#[test]
fn a_disk_that_fails_once_is_not_trusted_before_the_journal_is_opened_again() {
    for call in 0..calls() {
        let disk = SimulatedDisk::new();
        disk.fail_at(call, Fails::Once, IoKind::Other);
        let mut known = Known::default();
        let error = work(&disk, &mut known).unwrap_err().to_string();
        assert!(error.contains("injected"), "{error}");
        work(&disk, &mut known).unwrap();
        for seed in 0..10 {
            let (journal, _) = check(&disk.crash(seed), &mut known).unwrap();
            assert_eq!(journal.next(), RECORDS + 1, "{call}, {seed}");
        }
    }
}

#[test]
fn a_full_disk_is_tried_again() {
    let mut waited = 0;
    for call in 0..calls() {
        let disk = SimulatedDisk::new();
        disk.fail_at(call, Fails::Once, IoKind::StorageFull);
        let mut known = Known::default();
        // A sync that fails, for whatever reason, is never tried again.
        match work(&disk, &mut known) {
            Ok(()) => waited += 1,
            Err(error) => {
                assert!(error.to_string().contains("injected"), "{error}");
                work(&disk, &mut known).unwrap();
            }
        }
        let (journal, _) = check(&disk.crash(call), &mut known).unwrap();
        assert_eq!(journal.next(), RECORDS + 1);
    }
    assert!(waited > 30, "{waited}");
}

#[test]
fn nothing_is_lost_or_twice_when_a_full_disk_gets_room() {
    let disk = SimulatedDisk::new();
    let mut known = Known::default();
    let (mut journal, mut cursor) = check(&disk, &mut known).unwrap();
    journal.append(&records("c", 1, &["line 1"])).unwrap();
    journal.sync().unwrap();
    disk.set_capacity(Some(disk.used() + 30));
    journal.append(&records("c", 2, &["line 2"])).unwrap();
    for _ in 0..3 {
        let used = disk.used();
        let error = journal.sync().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(
            error.to_string(),
            "the disk is full: cannot write to journal/0/00000000000000000001.log: no space left"
        );
        // The part that was written is taken back.
        assert_eq!((disk.used(), journal.next()), (used, 2));
    }
    journal.append(&records("c", 3, &["line 3"])).unwrap();
    // It starts without room, too.
    let left = disk.crash(1);
    assert_eq!(check(&left, &mut Known::default()).unwrap().0.next(), 2);
    disk.set_capacity(None);
    journal.sync().unwrap();
    assert_eq!(rest(&journal, &mut cursor), expected(1, 4));
    assert_eq!(check(&disk, &mut known).unwrap().0.next(), 4);
}

#[test]
fn a_sync_that_failed_is_the_last() {
    let disk = SimulatedDisk::new();
    let (mut journal, mut cursor) = open(&disk, None).unwrap();
    journal.append(&records("c", 1, &["line 1"])).unwrap();
    disk.fail_at(disk.mutations() + 1, Fails::Once, IoKind::Other);
    let error = journal.sync().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let text = "cannot sync journal/0/00000000000000000001.log: injected: other error; what is not \
                known to be on the disk is not trusted: check the disk and start again";
    assert_eq!(error.to_string(), text);
    let mutations = disk.mutations();
    let again = journal.append(&records("c", 2, &["line 2"])).unwrap_err();
    assert_eq!(again.to_string(), text);
    assert_eq!(journal.sync().unwrap_err().to_string(), text);
    let position = cursor.position(1);
    assert!(journal.remove_before(&position).is_err());
    assert_eq!(disk.mutations(), mutations);
    assert!(cursor.read(journal.next(), "lines").unwrap().is_empty());
}
