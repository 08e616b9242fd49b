//! A checkpoint that was damaged: recovered to what is whole, or refused with its place.

use std::path::{Path, PathBuf};

use crate::data::files;
use crate::process::{finish, log, refused, start, wait};
use crate::verdict::{Verdict, table};

const MANIFEST: &str = r#"
name: torn
trigger: once
parallelism: 1
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in, max_rows: 300 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
transforms:
  sums: { sql: "SELECT key, count(*) AS n FROM rows GROUP BY key" }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
  counted: { from: sums, blackhole: {}, mode: update }
"#;

/// A pipeline that was killed between recording an epoch and committing it.
fn folder() -> (tempfile::TempDir, Vec<crate::data::Row>) {
    let folder = tempfile::tempdir().unwrap();
    let rows = files(&folder.path().join("in"), 9, 1, 2_000);
    std::fs::write(folder.path().join("p.yaml"), MANIFEST).unwrap();
    let status = wait(
        &mut start(folder.path(), Some("after-record:4"), &[]),
        folder.path(),
    );
    assert!(!status.success());
    (folder, rows)
}

fn newest(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).max().unwrap()
}

/// A record that is not whole was being written: its epoch has not happened.
#[test]
fn a_torn_record_is_an_epoch_that_never_was() {
    let (whole, rows) = folder();
    let length = std::fs::metadata(newest(&whole.path().join("state/epochs")))
        .unwrap()
        .len();
    for cut in [0, 1, length / 2, length - 2] {
        let (folder, _) = folder();
        let record = newest(&folder.path().join("state/epochs"));
        let bytes = std::fs::read(&record).unwrap();
        std::fs::write(&record, &bytes[..usize::try_from(cut).unwrap()]).unwrap();
        finish(folder.path(), &[]);
        let said = log(folder.path());
        let why = match cut == length - 2 {
            true => "its checksum after byte".to_owned(),
            false => format!("it is cut off at byte {cut}"),
        };
        assert!(said.contains(&why), "{said}");
        assert!(
            said.contains("it is put aside, and epoch 2 is the last one"),
            "{said}"
        );
        let verdict = Verdict::of(&rows, &table(&folder.path().join("all")));
        assert!(verdict.is_good(), "cut at {cut}: {verdict}");
    }
    finish(whole.path(), &[]);
    let verdict = Verdict::of(&rows, &table(&whole.path().join("all")));
    assert!(verdict.is_good(), "{verdict}");
}

/// The record of an epoch whose output is there cannot be given up.
#[test]
fn a_torn_record_of_a_committed_epoch_is_refused() {
    let (folder, _) = folder();
    finish(folder.path(), &[]);
    let before = table(&folder.path().join("all"));
    let record = newest(&folder.path().join("state/epochs"));
    std::fs::write(&record, "{").unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("sink `all`"), "{said}");
    assert_eq!(table(&folder.path().join("all")), before);
}

#[test]
fn a_flipped_bit_or_a_missing_file_of_state_is_refused_with_its_place() {
    for fault in 0..3 {
        let (folder, _) = folder();
        let file = newest(&folder.path().join("state/state"));
        let mut bytes = std::fs::read(&file).unwrap();
        let expected = match fault {
            0 => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 4;
                std::fs::write(&file, &bytes).unwrap();
                "have the checksum".to_owned()
            }
            1 => {
                std::fs::write(&file, &bytes[..100]).unwrap();
                format!("it ends at byte 100 instead of {}", bytes.len())
            }
            _ => {
                std::fs::remove_file(&file).unwrap();
                "is gone".to_owned()
            }
        };
        let said = refused(folder.path(), &[]);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(&expected) && said.contains(name), "{said}");
    }
}

#[test]
fn a_newer_format_and_a_lost_identity_are_refused() {
    let (folder, _) = folder();
    let identity = folder.path().join("state/checkpoint.json");
    let text = std::fs::read_to_string(&identity).unwrap();
    std::fs::write(&identity, text.replace("\"format\":1", "\"format\":2")).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("has version 2 of the format"), "{said}");
    std::fs::remove_file(&identity).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("`checkpoint.json` is gone"), "{said}");
}
