//! Records for the journal's tests.

use std::path::Path;
use std::sync::Arc;

use azud_model::{ByteSize, Partition};

use super::{Cursor, Journal, JournalOptions};
use crate::{BadRecord, Disk, Payload, Records, SimulatedDisk};

pub(super) const FOLDER: &str = "journal/0";

pub(super) const ID: u64 = 0x1234_5678_9abc_def0;

/// Records of a connection, the first of which has the number `first`.
pub(super) fn records(name: &str, first: u64, lines: &[&str]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: "lines".into(),
            name: name.into(),
        }),
        first,
        positions: None,
        payload: lines.iter().collect::<Payload>(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// `connection:number:line` of each record, with a reason in front of a bad one.
pub(super) fn lines(all: &[Records]) -> Vec<String> {
    let mut lines = Vec::new();
    for records in all {
        assert_eq!(records.partition.source, "lines");
        for (index, line) in records.payload.iter().enumerate() {
            let bad = records.bad.iter().find(|bad| bad.index == index);
            let reason = bad.map_or(String::new(), |bad| format!("({}) ", bad.reason));
            lines.push(format!(
                "{reason}{}:{}:{}",
                records.partition.name,
                records.first + index as u64,
                String::from_utf8_lossy(line)
            ));
        }
    }
    lines
}

pub(super) fn bad(index: usize, reason: &str) -> BadRecord {
    BadRecord {
        index,
        reason: reason.into(),
    }
}

/// Small segments.
pub(super) fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: ByteSize::from_bytes(300),
        max_bytes: ByteSize::from_bytes(4000),
        ..JournalOptions::default()
    }
}

pub(super) fn open(
    disk: &SimulatedDisk,
    resume: Option<&str>,
) -> azud_model::Result<(Journal, Cursor)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Journal::open(disk, Path::new(FOLDER), options(), resume, ID)
}

/// All that is durable from a cursor on.
pub(super) fn rest(journal: &Journal, cursor: &mut Cursor) -> Vec<String> {
    let mut all = Vec::new();
    while cursor.sequence() < journal.next() {
        let read = cursor.read(journal.next(), "lines").unwrap();
        assert!(!read.is_empty());
        all.extend(lines(&read));
    }
    assert!(cursor.read(journal.next(), "lines").unwrap().is_empty());
    all
}
