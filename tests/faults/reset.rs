//! State and output that do not belong together are refused, never skipped or doubled.

use std::path::Path;

use crate::data::files;
use crate::process::{finish, refused};
use crate::verdict::{Verdict, table};

const MANIFEST: &str = r#"
name: reset
trigger: once
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in, max_rows: 500 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files(&folder.path().join("in"), 5, 1, 2_000);
    std::fs::write(folder.path().join("p.yaml"), MANIFEST).unwrap();
    finish(folder.path(), &[]);
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn the_state_is_gone_and_the_output_is_there() {
    let folder = folder();
    let before = table(&folder.path().join("all"));
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("--allow-reset all"), "{said}");
    assert_eq!(table(&folder.path().join("all")), before);
    finish(folder.path(), &["--allow-reset", "all"]);
    let verdict = Verdict::of(&before, &table(&folder.path().join("all")));
    assert!(verdict.is_good(), "{verdict}");
}

#[test]
fn the_state_is_an_older_copy() {
    let folder = folder();
    copy(&folder.path().join("state"), &folder.path().join("older"));
    files(&folder.path().join("in"), 6, 2, 2_000);
    std::fs::write(folder.path().join("in/0.json"), "").unwrap();
    std::fs::remove_file(folder.path().join("in/0.json")).unwrap();
    finish(folder.path(), &[]);
    let before = table(&folder.path().join("all"));
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    std::fs::rename(folder.path().join("older"), folder.path().join("state")).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("sink `all`"), "{said}");
    assert_eq!(table(&folder.path().join("all")), before);
}

/// A name that is mistyped would allow nothing; that of a sink which is gone is none.
#[test]
fn a_name_that_nobody_has_is_refused() {
    let folder = folder();
    let said = refused(folder.path(), &["--allow-reset", "al"]);
    assert!(
        said.contains(
            "`--allow-reset al`: neither the manifest nor the checkpoint has such a node"
        ),
        "{said}"
    );
    let other = MANIFEST.replace(
        "all: { from: rows, file: { path: ./all }",
        "more: { from: rows, file: { path: ./more }",
    );
    std::fs::write(folder.path().join("p.yaml"), other).unwrap();
    finish(folder.path(), &["--allow-reset", "all"]);
}

/// The run in between has seen that the file was gone.
#[test]
fn a_new_file_under_an_old_name_is_read() {
    let folder = folder();
    let input = folder.path().join("in/0.json");
    let first = std::fs::read_to_string(&input).unwrap();
    let before = table(&folder.path().join("all"));
    std::fs::remove_file(&input).unwrap();
    finish(folder.path(), &[]);
    // As long as the one that was there.
    let second: Vec<&str> = first.lines().rev().collect();
    std::fs::write(&input, second.join("\n") + "\n").unwrap();
    finish(folder.path(), &[]);
    assert_eq!(table(&folder.path().join("all")).len(), 2 * before.len());
}

#[test]
fn another_pipelines_state_is_refused() {
    let folder = folder();
    let other = MANIFEST.replace("name: reset", "name: other");
    std::fs::write(folder.path().join("p.yaml"), other).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(
        said.contains("is the checkpoint of the pipeline `reset`"),
        "{said}"
    );
}

#[test]
fn two_runs_do_not_share_a_checkpoint() {
    let folder = folder();
    let lock = std::fs::File::options()
        .write(true)
        .open(folder.path().join("state/owner.lock"))
        .unwrap();
    lock.lock().unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("another run uses the checkpoint"), "{said}");
}
