//! Runs the examples as their READMEs say.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod aggregates;
mod changed;
mod dstream;
mod join;
mod kappa;
mod keyed;
mod killed;
mod plugins;
mod windows;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dstream::{Batch, Reader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn azud(example: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command
        .arg("run")
        .arg(root().join("examples").join(example).join("pipeline.yaml"))
        .env("TZ", "UTC");
    command
}

#[test]
fn example_01_counts_the_words_of_its_text() {
    let output = azud("01-word-count").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");

    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for file in std::fs::read_dir(root().join("examples/01-word-count/data")).unwrap() {
        for word in std::fs::read_to_string(file.unwrap().path())
            .unwrap()
            .split_whitespace()
        {
            *expected.entry(word.to_owned()).or_default() += 1;
        }
    }
    let stdout = String::from_utf8(output.stdout).unwrap();
    let rule = "-".repeat(43);
    assert!(
        stdout.starts_with(&format!("{rule}\nBatch: 0\n{rule}\n+")),
        "{stdout}"
    );
    let rows = stdout.lines().filter(|line| line.starts_with('|')).skip(1);
    let found: BTreeMap<String, u64> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            (
                cells.next().unwrap().to_owned(),
                cells.next().unwrap().parse().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn example_01_passes_its_own_tests() {
    let pipeline = root().join("examples/01-word-count/pipeline.yaml");
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .arg("test")
        .arg(pipeline)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ok counts words\nok blanks are no words\nok counts go on over epochs\n3 passed, 0 failed\n"
    );
}

/// What the DStream example prints: every second its own counts, also when nothing came.
#[test]
fn example_02_counts_each_second_for_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut child = azud("02-socket-word-count")
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut batches = Reader::new(BufReader::new(child.stdout.take().unwrap()));
    let (mut connection, _) = listener.accept().unwrap();

    connection.write_all(b"to be or\nnot to be\n").unwrap();
    let first = batches.next_with_rows();
    assert_eq!(
        sorted(&first),
        ["('be', 2)", "('not', 1)", "('or', 1)", "('to', 2)"]
    );
    // Nothing is sent: batches go on, empty.
    let empty = batches.next();
    assert_eq!(empty.rows, Vec::<String>::new());
    assert_eq!(empty.seconds(), first.seconds() + 1, "a batch each second");

    // Earlier counts are forgotten. A line is cut only at its end.
    connection.write_all("to é ".as_bytes()).unwrap();
    connection.write_all(b" to\n").unwrap();
    let second = batches.next_with_rows();
    assert_eq!(sorted(&second), ["('', 1)", "('to', 2)", "('é', 1)"]);

    // More than ten rows: ten and three dots.
    connection.write_all(b"a b c d e f g h i j k\n").unwrap();
    let third = batches.next_with_rows();
    assert_eq!(third.rows.len(), 11);
    assert_eq!(third.rows[10], "...");

    // The last line is counted although it came just before the end.
    connection.write_all(b"last\n").unwrap();
    let last = batches.next_with_rows();
    assert_eq!(last.rows, ["('last', 1)"]);
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let status = child.wait().unwrap();
    let log: Vec<String> = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert!(status.success(), "{log:#?}");
}

fn sorted(batch: &Batch) -> Vec<String> {
    let mut rows = batch.rows.clone();
    rows.sort();
    rows
}
