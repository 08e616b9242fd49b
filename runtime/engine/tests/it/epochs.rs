//! A sink plugin with transactions, through whole runs: the guest `epochs-files` writes down
//! each of its calls, and misbehaves as it is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use azud_connect::SimulatedDisk;
use azud_engine::{Environment, Plan, check, manifest_connectors};
use azud_model::{ErrorKind, Result, SystemClock};
use azud_sandbox::{Sandbox, Settings};
use tempfile::TempDir;

use crate::guest::guest;
use crate::storage::storage;
use crate::support::{run, source};

/// What is run: two sinks that read the same, each with its own folders.
struct Case {
    folder: TempDir,
    parallelism: usize,
    max_rows: usize,
    misbehave: String,
    /// The misbehaviour of a second sink, if there is one.
    other: Option<String>,
    /// Whether epochs are recorded.
    checkpoint: bool,
}

/// What came of it.
struct Ended {
    outcome: Result<()>,
    /// What the sink was called with, in order.
    calls: Vec<String>,
    /// The numbers in each part, in order of the parts.
    parts: BTreeMap<String, Vec<i64>>,
    /// Whatever else lies in its folder.
    rest: Vec<String>,
    folder: TempDir,
}

// === impl Case ===

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out", "told", "out2", "told2"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            folder,
            parallelism: 1,
            max_rows: 2,
            misbehave: String::new(),
            other: None,
            checkpoint: false,
        }
    }

    /// `commit, from: 1, how: trap`
    fn misbehaving(how: &str) -> Self {
        Self {
            misbehave: format!("{{ call: {how} }}"),
            ..Self::new()
        }
    }

    fn plan(&self, epochs: &[Vec<i64>]) -> Plan {
        let sink = |number: &str, misbehave: &str| {
            format!(
                "{{ from: in, plugin: files{number}, max_rows: {}, on_error: drop, config: {{ folder: out{number}, \
                 journal: told{number}, misbehave: [{misbehave}] }} }}",
                self.max_rows
            )
        };
        let other = self.other.as_ref();
        let other = other.map_or(String::new(), |other| {
            format!("  other: {}", sink("2", other))
        });
        let plugin = |number: &str| {
            format!(
                "{{ path: x.wasm, grants: {{ http: [], tcp: [], dirs: {{ \
                 out{number}: write, told{number}: write }} }} }}"
            )
        };
        let manifest = format!(
            "name: epochs\ntrigger: once\nparallelism: {}\n{}sources:\n  in: {{ file: {{ path: . }}, \
             format: json, schema: {{ n: bigint }} }}\nsinks:\n  out: {}\n{other}\n\
             plugins:\n  files: {}\n  files2: {}\n",
            self.parallelism,
            match self.checkpoint {
                true => "checkpoint: { to: ./state }\n",
                false => "",
            },
            sink("", &self.misbehave),
            plugin(""),
            plugin("2"),
        );
        let parsed =
            azud_manifest::parse("test.yaml", &manifest, &manifest_connectors(), &|_| None);
        let component = guest("epochs-files");
        let environment = Environment {
            directory: self.folder.path().to_owned(),
            sandbox: Sandbox::new(Settings::default()).unwrap(),
            clock: Arc::new(SystemClock::new()),
            find_plugin: &|_| Ok(component.clone()),
        };
        let lines: Vec<Vec<String>> = epochs
            .iter()
            .map(|epoch| crate::guest::lines(epoch))
            .collect();
        let plan = check(&parsed.unwrap(), &environment).unwrap();
        let plan = plan.with_source("in", source(&lines, 4096));
        match self.checkpoint {
            true => plan.with_checkpoint(storage(&SimulatedDisk::new())),
            false => plan,
        }
    }

    fn run(self, epochs: &[Vec<i64>]) -> Ended {
        let outcome = run(self.plan(epochs));
        let at = |name: &str| self.folder.path().join(name);
        let (parts, rest) = files(&at("out"));
        Ended {
            outcome,
            calls: calls(&at("told")),
            parts,
            rest,
            folder: self.folder,
        }
    }
}

// === impl Ended ===

impl Ended {
    fn error(&self) -> String {
        let error = self.outcome.as_ref().unwrap_err();
        let kinds = [ErrorKind::Plugin, ErrorKind::Aborted];
        assert!(kinds.contains(&error.kind()), "{error}");
        error.to_string()
    }

    /// Every row is in the part of its epoch, once, and nothing else is left.
    fn assert_complete(&self, epochs: &[Vec<i64>]) {
        self.outcome.as_ref().unwrap();
        let expected: BTreeMap<_, _> = epochs
            .iter()
            .enumerate()
            .map(|(number, rows)| (format!("part-{number}.json"), rows.clone()))
            .collect();
        assert_eq!(self.parts, expected);
        assert_eq!(self.rest, Vec::<String>::new());
    }
}

fn calls(told: &Path) -> Vec<String> {
    let calls = fs::read_to_string(told.join("calls.txt")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

fn files(folder: &Path) -> (BTreeMap<String, Vec<i64>>, Vec<String>) {
    let (mut parts, mut rest) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("part-") {
            rest.push(name);
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let row = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["n"].as_i64().unwrap()
        };
        let mut rows: Vec<i64> = text.lines().map(row).collect();
        rows.sort_unstable();
        parts.insert(name, rows);
    }
    rest.sort();
    (parts, rest)
}

const NEW: &str = "recover run= sink=out last=none";

#[test]
fn an_epoch_is_written_flushed_prepared_and_committed_before_the_next() {
    let epochs = [vec![1, 2, 3], vec![4, 5]];
    let ended = Case::new().run(&epochs);
    ended.assert_complete(&epochs);
    assert_eq!(
        ended.calls,
        [
            NEW,
            "write 2",
            "write 1",
            "flush",
            "prepare 0",
            "commit 0", // one epoch
            "write 2",
            "flush",
            "prepare 1",
            "commit 1", // the next
        ]
    );
}

#[test]
fn a_commit_that_traps_is_asked_for_again_before_anything_else() {
    let epochs = [vec![1, 2], vec![3]];
    for how in ["trap", "trap-after"] {
        let ended =
            Case::misbehaving(&format!("commit, from: 1, times: 2, how: {how}")).run(&epochs);
        ended.assert_complete(&epochs);
        let again = "recover run= sink=out last=0";
        assert_eq!(
            ended.calls,
            [
                NEW,
                "write 2",
                "flush",
                "prepare 0", // what is recorded is kept
                "commit 0",
                again,
                "commit 0",
                again,
                "commit 0",
                "write 1",
                "flush",
                "prepare 1",
                "commit 1",
            ],
            "{how}"
        );
    }
}

#[test]
fn who_cannot_commit_now_is_asked_later() {
    let epochs = [vec![1], vec![2]];
    let ended = Case::misbehaving("commit, from: 1, times: 3, how: retry").run(&epochs);
    ended.assert_complete(&epochs);
    let expected = [
        NEW,
        "write 1",
        "flush",
        "prepare 0",
        "commit 0",
        "commit 0",
        "commit 0",
        "commit 0",
        "write 1",
        "flush",
        "prepare 1",
        "commit 1",
    ];
    assert_eq!(ended.calls, expected);
}

#[test]
fn a_commit_that_fails_for_good_stops_the_run_and_what_is_recorded_stays_prepared() {
    let ended = Case::misbehaving("commit, from: 2, how: error").run(&[vec![1], vec![2], vec![3]]);
    assert_eq!(
        ended.error(),
        "sink `out`: node `out`: the plugin could not commit epoch 1, which is recorded: commit \
         failed, as it was told; started again, the pipeline asks for it once more"
    );
    assert_eq!(
        ended.parts,
        BTreeMap::from([("part-0.json".into(), vec![1])])
    );
    assert_eq!(ended.rest, [".prepared--1"]);
    assert_eq!(ended.calls.last().unwrap(), "commit 1");
}

#[test]
fn a_commit_that_always_traps_stops_the_run() {
    let ended = Case::misbehaving("commit, from: 1, times: 99, how: trap").run(&[vec![1]]);
    let error = ended.error();
    assert!(
        error.starts_with(
            "sink `out`: node `out`: the plugin failed 8 times in a row, the last time:"
        ),
        "{error}"
    );
    assert_eq!(ended.parts, BTreeMap::new());
    let commits = ended.calls.iter().filter(|call| *call == "commit 0");
    assert_eq!(commits.count(), 8);
}

#[test]
fn a_write_that_traps_leaves_nothing_and_the_rows_before_it_are_offered_again() {
    let ended = Case::misbehaving("write, from: 2, how: trap").run(&[vec![1, 2, 3], vec![4]]);
    // The rows of the call that trapped are rejected, and dropped.
    ended.assert_complete(&[vec![1, 2], vec![4]]);
    assert_eq!(
        ended.calls[..8],
        [
            NEW,
            "write 2",
            "write 1",
            NEW,
            "write 2",
            "flush",
            "prepare 0",
            "commit 0"
        ]
    );
}

#[test]
fn what_traps_before_the_record_is_done_again_from_the_epochs_first_row() {
    let epochs = [vec![9], vec![1, 2, 3]];
    for (call, how) in [
        ("flush", "trap"),
        ("prepare", "trap"),
        ("prepare", "trap-after"),
    ] {
        let ended = Case::misbehaving(&format!("{call}, from: 2, how: {how}")).run(&epochs);
        ended.assert_complete(&epochs);
        let mut expected = vec!["write 2", "write 1", "flush"];
        expected.extend((call == "prepare").then_some("prepare 1"));
        expected.extend([
            "recover run= sink=out last=0",
            "write 2",
            "write 1",
            "flush",
        ]);
        expected.extend(["prepare 1", "commit 1"]);
        assert_eq!(ended.calls[5..], expected, "{call} {how}");
    }
}

#[test]
fn a_prepare_that_always_traps_stops_the_run_and_leaves_nothing() {
    let ended = Case::misbehaving("prepare, from: 1, times: 99, how: trap-after").run(&[vec![1]]);
    let error = ended.error();
    assert!(
        error.starts_with("node `out`: the plugin failed 8 times in a row, the last time:"),
        "{error}"
    );
    assert_eq!((ended.parts, ended.rest), (BTreeMap::new(), vec![]));
}

#[test]
fn a_prepare_that_fails_stops_the_run_and_leaves_nothing() {
    let ended = Case::misbehaving("prepare, from: 2, how: error").run(&[vec![1], vec![2]]);
    assert_eq!(
        ended.error(),
        "node `out`: the plugin could not prepare epoch 1: prepare failed, as it was told"
    );
    assert_eq!(
        ended.parts,
        BTreeMap::from([("part-0.json".into(), vec![1])])
    );
    assert_eq!(ended.rest, Vec::<String>::new());
    // What was written has no token: a fresh instance rolls it back.
    assert_eq!(
        ended.calls[5..],
        [
            "write 1",
            "flush",
            "prepare 1",
            "recover run= sink=out last=0"
        ]
    );
}

#[test]
fn a_token_that_is_too_large_stops_the_run() {
    let ended = Case::misbehaving("prepare, from: 1, how: token").run(&[vec![1]]);
    assert_eq!(
        ended.error(),
        "node `out`: the plugin prepared an epoch with a token of 1048577 bytes, more than 1 MiB; \
         a token names what was prepared, which stays at its target"
    );
    assert_eq!((ended.parts, ended.rest), (BTreeMap::new(), vec![]));
}

#[test]
fn a_rollback_that_fails_at_the_start_stops_the_run() {
    let ended = Case::misbehaving("recover, from: 1, times: 99, how: error").run(&[vec![1]]);
    assert_eq!(
        ended.error(),
        "node `out`: the plugin could not roll back what was not recorded: recover failed, as it \
         was told"
    );
}

#[test]
fn what_one_sink_has_prepared_is_rolled_back_where_another_fails() {
    let case = Case {
        other: Some("{ call: prepare, from: 2, how: error }".into()),
        ..Case::new()
    };
    let ended = case.run(&[vec![1], vec![2]]);
    let error =
        "node `other`: the plugin could not prepare epoch 1: prepare failed, as it was told";
    assert_eq!(ended.error(), error);
    let first = BTreeMap::from([("part-0.json".to_owned(), vec![1])]);
    assert_eq!((&ended.parts, ended.rest.len()), (&first, 0));
    let (parts, rest) = files(&ended.folder.path().join("out2"));
    assert_eq!((parts, rest), (first, vec![]));
}

#[test]
fn an_epoch_is_one_transaction_whatever_the_parallelism() {
    let epochs: Vec<Vec<i64>> = (0..5)
        .map(|epoch| (epoch * 100..epoch * 100 + 50).collect())
        .collect();
    let ended = Case {
        parallelism: 4,
        ..Case::new()
    };
    let ended = ended.run(&epochs);
    ended.assert_complete(&epochs);
    let ends = ended.calls.iter().filter(|call| !call.starts_with("write"));
    let mut expected = vec![NEW.to_owned()];
    for epoch in 0..5 {
        expected.extend([
            "flush".into(),
            format!("prepare {epoch}"),
            format!("commit {epoch}"),
        ]);
    }
    assert_eq!(ends.cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn more_rows_than_are_kept_are_committed_and_cannot_be_offered_again() {
    let rows: Vec<i64> = (0..70_000).collect();
    let ended = Case {
        max_rows: 4_096,
        ..Case::new()
    };
    ended
        .run(&[rows.clone(), vec![1]])
        .assert_complete(&[rows.clone(), vec![1]]);
    let ended = Case {
        max_rows: 4_096,
        ..Case::misbehaving("prepare, from: 1, how: trap")
    };
    let ended = ended.run(&[rows]);
    let error = ended.error();
    assert!(
        error.starts_with(
            "node `out`: the plugin failed when it had taken more of an epoch than is kept to be \
             offered again (65536 rows, 16 MiB): the plugin trapped:"
        ),
        "{error}"
    );
    assert_eq!((ended.parts, ended.rest), (BTreeMap::new(), vec![]));
}

/// A checkpoint knows what to go back to: the run goes on with a fresh instance.
#[test]
fn an_epoch_that_the_plugin_cannot_finish_is_rolled_back_and_computed_again() {
    let rows: Vec<i64> = (0..70_000).collect();
    for (misbehave, epochs) in [
        ("prepare, from: 2, how: error", [vec![1], vec![2], vec![3]]),
        (
            "flush, from: 3, times: 2, how: error",
            [vec![1], vec![2], vec![3]],
        ),
        // More than is kept to be offered again.
        ("prepare, from: 2, how: trap", [vec![1], rows, vec![2]]),
    ] {
        let case = Case {
            max_rows: 4_096,
            other: Some(String::new()),
            checkpoint: true,
            ..Case::misbehaving(misbehave)
        };
        let ended = case.run(&epochs);
        ended.assert_complete(&epochs);
        let (parts, rest) = files(&ended.folder.path().join("out2"));
        assert_eq!((parts, rest), (ended.parts, vec![]), "{misbehave}");
    }
}
