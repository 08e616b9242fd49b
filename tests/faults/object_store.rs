//! A checkpoint on an object store: `tests/services/s3`, a real one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bucket::Server;
use crate::data::{Row, files};
use crate::process::{log, run, wait};
use crate::verdict::{Verdict, counted, counts, lines, table};

const MANIFEST: &str = r#"
name: far
trigger: once
parallelism: 2
checkpoint: { to: "s3://BUCKET/PREFIX" }
sources:
  rows:
    file: { path: ./in, max_rows: 500 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
transforms:
  sums: { sql: "SELECT key, count(*) AS n, sum(sequence) AS s FROM rows GROUP BY key" }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
  counted: { from: sums, file: { path: ./counted }, format: json, mode: complete }
"#;

fn folder(server: &Server, prefix: &str) -> (tempfile::TempDir, Vec<Row>, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let rows = files(&folder.path().join("in"), 3, 2, 3_000);
    let manifest = MANIFEST.replace("BUCKET", &server.bucket);
    let path = folder.path().join("p.yaml");
    std::fs::write(&path, manifest.replace("PREFIX", prefix)).unwrap();
    (folder, rows, path)
}

fn assert_exact(folder: &Path, rows: &[Row], what: &str) {
    let verdict = Verdict::of(rows, &table(&folder.join("all")));
    assert!(verdict.is_good(), "{what}: {verdict}\n{}", log(folder));
    let found = counted(&folder.join("counted"));
    assert!(
        found == counts(rows),
        "{what}: the counts are wrong\n{}",
        log(folder)
    );
}

#[test]
fn a_run_that_is_killed_goes_on_from_a_bucket() {
    let Some(server) = Server::get() else { return };
    let points = [
        "before-record:3",
        "after-record:1",
        "after-record:4",
        "before-commit:4",
    ];
    for (number, kill_at) in points
        .into_iter()
        .chain(["in-commit:3", "after-commit:2"])
        .enumerate()
    {
        let prefix = format!("killed/{number}");
        let (folder, rows, _) = folder(server, &prefix);
        let status = wait(&mut server.run(folder.path(), Some(kill_at)), folder.path());
        assert!(!status.success(), "{kill_at}: it was not killed");
        server.finish(folder.path());
        assert_exact(folder.path(), &rows, kill_at);
        assert!(!folder.path().join("s3:").exists());
        let url = format!("s3://{}/{prefix}", server.bucket);
        let told = server.tell(folder.path(), &["state", "ls", &url, "--json"]);
        let records: serde_json::Value = serde_json::from_str(&told).unwrap();
        let last = records.as_array().unwrap().last().unwrap();
        assert_eq!(last["generation"], 2, "{told}");
        server.tell(folder.path(), &["plan", "p.yaml", "--against", &url]);
        // Once more: nothing is new.
        server.finish(folder.path());
        assert_exact(folder.path(), &rows, kill_at);
    }
}

/// The first run goes on for ever; the second one takes the checkpoint from it.
#[test]
#[expect(clippy::zombie_processes, reason = "a test that fails ends")]
fn the_later_of_two_runs_owns_the_checkpoint() {
    let Some(server) = Server::get() else { return };
    let (folder, mut rows, path) = folder(server, "two");
    let folder = folder.path();
    let manifest = std::fs::read_to_string(&path).unwrap();
    let (sources, _) = manifest.split_once("transforms:").unwrap();
    let once = format!("{sources}sinks:\n  out: {{ from: rows, console: {{ style: json }} }}\n");
    let printing = |name: &str| {
        let mut command = run(folder, None, &[]);
        command.envs(server.environment.iter().cloned());
        command.stdout(std::fs::File::create(folder.join(name)).unwrap());
        command.spawn().unwrap()
    };
    let printed = |name: &str| lines(&folder.join(name));

    std::fs::write(&path, once.replace("trigger: once", "trigger: 100ms")).unwrap();
    let mut first = printing("first");
    let there = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    while there("first").matches('\n').count() < rows.len() {
        assert!(first.try_wait().unwrap().is_none(), "{}", log(folder));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::fs::write(&path, once).unwrap();
    for (number, name) in ["second", "third"].into_iter().enumerate() {
        assert!(
            wait(&mut printing(name), folder).success(),
            "{}",
            log(folder)
        );
        if number == 0 {
            // Now the first one has something to commit, and must not.
            rows.extend(files(&folder.join("more"), 4, 1, 200));
            std::fs::rename(folder.join("more/0.json"), folder.join("in/9.json")).unwrap();
            let status = wait(&mut first, folder);
            let said = log(folder);
            assert!(!status.success(), "{status}: {said}");
            let why = "another run has taken over the checkpoint `s3://";
            assert!(said.contains(why), "{said}");
        }
    }
    let found: Vec<_> = ["first", "second", "third"].map(printed).concat();
    assert_eq!(printed("third").len(), 200);
    let found: Vec<Row> = found.iter().map(|line| Row::of_json(line)).collect();
    let verdict = Verdict::of(&rows, &found);
    assert!(
        verdict.missing + verdict.doubled == 0,
        "{verdict}\n{}",
        log(folder)
    );
}

#[test]
fn a_wrong_key_is_refused_at_once() {
    let Some(server) = Server::get() else { return };
    let (folder, _, _) = folder(server, "wrong-key");
    let mut command = run(folder.path(), None, &[]);
    command.envs(server.environment.iter().cloned());
    command.env("AWS_SECRET_ACCESS_KEY", "another-secret");
    let status = wait(&mut command.spawn().unwrap(), folder.path());
    let said = log(folder.path());
    assert!(!status.success(), "{said}");
    assert!(
        said.contains("SignatureDoesNotMatch: check AWS_ACCESS_KEY_ID"),
        "{said}"
    );
    assert!(!said.contains("another-secret"), "{said}");
}

#[test]
fn a_journal_needs_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"
name: pushed
checkpoint: { to: "s3://bucket/prefix" }
sources:
  lines: { socket: { connect: "127.0.0.1:1" } }
sinks:
  out: { from: lines, console: {} }
"#;
    let path = folder.path().join("p.yaml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        let output = command.arg("check").arg(&path).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (accepted, said) = check(manifest);
    assert!(!accepted);
    assert!(said.contains("a journal, which needs a disk"), "{said}");
    assert!(said.contains("`durability: memory`"), "{said}");
    let memory = manifest.replace("lines: { ", "lines: { durability: memory, ");
    let (accepted, said) = check(&memory);
    assert!(accepted, "{said}");
}
