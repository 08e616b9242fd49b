//! What a journal gives again, and what it refuses.

use std::path::{Path, PathBuf};

use azud_model::ErrorKind;

use super::test_records::*;
use super::{Cursor, Journal};
use crate::{Disk, SimulatedDisk};

/// Three records a chunk, two chunks a frame: `c:1:0`, `c:2:1`, ...
fn filled(frames: u64) -> (SimulatedDisk, Vec<String>) {
    let disk = SimulatedDisk::new();
    let (mut journal, mut cursor) = open(&disk, None).unwrap();
    for chunk in 0..frames * 2 {
        let texts = [0, 1, 2].map(|record| format!("line {}", chunk * 3 + record));
        let texts = texts.each_ref().map(String::as_str);
        let mut records = records("c", chunk * 3 + 1, &texts);
        records.bad = vec![bad(1, "long")];
        journal.append(&records).unwrap();
        if chunk % 2 == 1 {
            journal.sync().unwrap();
        }
    }
    let all = rest(&journal, &mut cursor);
    assert_eq!(all.len() as u64, frames * 6);
    assert_eq!(all[..2], ["c:1:line 0", "(long) c:2:line 1"]);
    (disk, all)
}

fn files(disk: &SimulatedDisk) -> Vec<String> {
    let files = disk.list(Path::new(FOLDER)).unwrap();
    files.into_iter().map(|file| file.name).collect()
}

fn write(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write(bytes).unwrap();
}

/// The error of opening, without the end that says what to do.
fn refused(disk: &SimulatedDisk, resume: Option<&str>) -> String {
    let error = open(disk, resume).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    text.split(';').next().unwrap().to_owned()
}

fn after(journal: Journal, cursor: Cursor) -> Vec<String> {
    let mut cursor = cursor;
    rest(&journal, &mut cursor)
}

#[test]
fn it_is_read_from_any_record_on() {
    let (disk, all) = filled(7);
    assert!(files(&disk).len() > 3, "{:?}", files(&disk));
    let (_, cursor) = open(&disk, None).unwrap();
    for from in 1..=43 {
        let position = cursor.position(from);
        let (journal, cursor) = open(&disk, Some(&position)).unwrap();
        assert_eq!(cursor.sequence(), from);
        assert_eq!(after(journal, cursor), all[from as usize - 1..], "{from}");
    }
    assert_eq!(
        cursor.position(43),
        r#"{"journal":"123456789abcdef0","next":43}"#
    );
}

#[test]
fn what_is_not_synced_is_not_given() {
    let disk = SimulatedDisk::new();
    let (mut journal, mut cursor) = open(&disk, None).unwrap();
    journal.append(&records("c", 1, &["one"])).unwrap();
    assert!(cursor.read(journal.next(), "lines").unwrap().is_empty());
    journal.sync().unwrap();
    journal.sync().unwrap();
    journal.append(&records("d", 1, &["two"])).unwrap();
    assert_eq!(rest(&journal, &mut cursor), ["c:1:one"]);
    assert_eq!(journal.next(), 2);
    assert_eq!(after(journal, open(&disk, None).unwrap().1), ["c:1:one"]);
}

#[test]
fn a_position_that_is_not_there_is_refused() {
    let (disk, _) = filled(7);
    let (mut journal, cursor) = open(&disk, None).unwrap();
    let position = |next| cursor.position(next);
    let text = |next, why: &str| {
        let position = position(next);
        format!("the journal in journal/0 does not have the recorded position {position}: {why}")
    };
    assert_eq!(
        refused(&disk, Some(&position(44))),
        text(44, "it ends before record 43")
    );
    let beyond = journal.remove_before(&position(44)).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::Invalid);
    journal.remove_before(&position(20)).unwrap();
    assert_eq!(
        refused(&disk, Some(&position(12))),
        text(12, "it starts at record 13")
    );
    let other = position(20).replace("1234", "4321");
    assert_eq!(
        refused(&disk, Some(&other)),
        text(20, "it is another journal").replace("1234", "4321")
    );
    let empty = SimulatedDisk::new();
    assert_eq!(
        refused(&empty, Some(&position(1))),
        text(1, "there is no journal")
    );
    assert_eq!(empty.mutations(), 0);
    let text = "`7` is no position of the journal in journal/0";
    assert!(refused(&disk, Some("7")).starts_with(text));
}

#[test]
fn segments_before_the_committed_position_are_removed() {
    let (disk, all) = filled(7);
    let (mut journal, cursor) = open(&disk, None).unwrap();
    let names = files(&disk);
    assert_eq!(
        names[..2].concat(),
        "00000000000000000001.log00000000000000000013.log"
    );
    // All but the last of its records.
    journal.remove_before(&cursor.position(12)).unwrap();
    assert_eq!(files(&disk), names);
    journal.remove_before(&cursor.position(13)).unwrap();
    assert_eq!(files(&disk), names[1..]);
    let used = disk.used();
    assert_eq!(journal.bytes(), used);
    journal.remove_before(&cursor.position(43)).unwrap();
    assert_eq!(files(&disk), names[names.len() - 1..]);
    // One that is large is followed by another, so that it can go, too.
    journal
        .append(&records("d", 1, &["x".repeat(300).as_str()]))
        .unwrap();
    journal.sync().unwrap();
    let (reopened, cursor) = open(&disk, Some(&cursor.position(43))).unwrap();
    assert_eq!(
        after(reopened, cursor.clone()),
        [format!("d:1:{}", "x".repeat(300))]
    );
    journal.remove_before(&cursor.position(44)).unwrap();
    assert_eq!(files(&disk), ["00000000000000000044.log"]);
    assert_eq!(journal.bytes(), 40);
    assert_eq!(all.len(), 42);
}

/// The last segment, and where its last frame starts.
fn last(disk: &SimulatedDisk) -> (PathBuf, Vec<u8>, usize) {
    let path = Path::new(FOLDER).join(files(disk).pop().unwrap());
    let bytes = disk.read(&path).unwrap();
    let mut start = 40;
    loop {
        let length = u32::from_le_bytes(bytes[start + 8..start + 12].try_into().unwrap());
        let end = start + 24 + length as usize;
        if end == bytes.len() {
            return (path, bytes, start);
        }
        start = end;
    }
}

#[test]
fn a_torn_tail_is_cut_exactly_and_written_on() {
    let (disk, all) = filled(8);
    let (path, bytes, start) = last(&disk);
    assert!(start > 40);
    let mut damages: Vec<Vec<u8>> = (start..bytes.len())
        .map(|end| bytes[..end].to_vec())
        .collect();
    for bit in start * 8..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        damages.push(bytes);
    }
    let zeros = [&bytes[..start], &[0; 5000]].concat();
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n * n / 7) as u8).collect();
    damages.extend([zeros, [&bytes[..start + 30], &noise].concat()]);
    for damaged in damages {
        write(&disk, &path, &damaged);
        let (mut journal, mut cursor) = open(&disk, None).unwrap();
        assert_eq!(disk.read(&path).unwrap(), bytes[..start]);
        assert_eq!(rest(&journal, &mut cursor), all[..42]);
        journal.append(&records("d", 1, &["new"])).unwrap();
        journal.sync().unwrap();
        assert_eq!(rest(&journal, &mut cursor), ["d:1:new"]);
    }
}

#[test]
fn damage_before_the_last_frame_is_refused() {
    let (disk, all) = filled(8);
    let (path, bytes, start) = last(&disk);
    for (bit, byte) in (40 * 8..start * 8).map(|bit| (bit, bit / 8)) {
        let mut bytes = bytes.clone();
        bytes[byte] ^= 1 << (bit % 8);
        write(&disk, &path, &bytes);
        let text = format!("the journal file {} is damaged at byte 40", path.display());
        assert!(refused(&disk, None).starts_with(&text), "bit {bit}");
    }
    write(&disk, &path, &bytes);

    let first = Path::new(FOLDER).join(files(&disk).remove(0));
    let whole = disk.read(&first).unwrap();
    let cut = format!(
        "the journal file {} is damaged at byte 236: a frame is cut off",
        first.display()
    );
    write(&disk, &first, &whole[..whole.len() - 1]);
    assert_eq!(refused(&disk, None), cut);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    write(&disk, &first, &flipped);
    assert_eq!(
        refused(&disk, None),
        cut.replace("a frame is cut off", "a frame's checksum is wrong")
    );
    write(&disk, &first, &whole);
    assert_eq!(
        after(open(&disk, None).unwrap().0, open(&disk, None).unwrap().1),
        all
    );
}

#[test]
fn a_file_that_is_missing_newer_or_of_another_journal_is_refused() {
    let (disk, _) = filled(7);
    let names = files(&disk);
    let second = Path::new(FOLDER).join(&names[1]);
    let bytes = disk.read(&second).unwrap();
    disk.remove(&second).unwrap();
    assert_eq!(
        refused(&disk, None),
        format!(
            "a file of the journal before journal/0/{} is missing: it had the records 13 to 24",
            names[2]
        )
    );
    let mut newer = bytes.clone();
    newer[8] = 2;
    write(&disk, &second, &newer);
    assert_eq!(
        refused(&disk, None),
        format!(
            "the journal file {} cannot be read: it is of version 2, and this azud reads up to 1: \
             run the one that wrote it",
            second.display()
        )
    );
    let other = SimulatedDisk::new();
    let disk_other: std::sync::Arc<dyn Disk> = std::sync::Arc::new(other.clone());
    drop(Journal::open(disk_other, Path::new(FOLDER), options(), None, 1).unwrap());
    let header = other.read(&Path::new(FOLDER).join(&names[0])).unwrap();
    write(&disk, &second, &header);
    assert_eq!(
        refused(&disk, None),
        format!(
            "the journal file {} is damaged at byte 0: it is a file of another journal",
            second.display()
        )
    );
}
