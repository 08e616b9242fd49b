//! Plugins with state: whatever lanes, calls and runs there are, the rows are those of a model;
//! and what goes wrong in a row or a timer is told, and takes nothing else with it.

mod model;

use std::fmt::Write as _;
use std::path::Path;

use model::{Event, expected};

use crate::compiler::component;
use crate::process::{Ended, Run, lines, until};

/// Rows of an epoch.
const EPOCH: usize = 150;

struct Case {
    parallelism: usize,
    max_rows: usize,
    config: &'static str,
    more: &'static str,
}

const PLAIN: Case = Case {
    parallelism: 1,
    max_rows: 4096,
    config: "{}",
    more: "",
};

// === impl Case ===

impl Case {
    fn manifest(&self) -> String {
        let Self {
            parallelism,
            max_rows,
            config,
            more,
        } = self;
        let plugin = component("tests/guests/visits").display().to_string();
        format!(
            r#"
name: keyed
trigger: once
parallelism: {parallelism}
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_rows: {EPOCH} }}
    format: json
    schema: {{ k: string, x: bigint, ts: timestamp }}
    time: {{ column: ts, delay: 2s }}
transforms:
  visits: {{ from: rows, plugin: visits, key: [k], max_rows: {max_rows}, config: {config} }}
sinks:
  out: {{ from: visits, file: {{ path: ./out }}, format: json }}
  late: {{ from: visits.late, file: {{ path: ./late }}, format: json }}
{more}
plugins:
  visits: {{ path: "{plugin}", limits: {{ deadline: 300ms }} }}
"#
        )
    }

    fn run(&self, files: &[&[Event]]) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for (number, events) in files.iter().enumerate() {
            write(folder.path(), &format!("in/{number}.json"), events);
        }
        Run::start_in(folder, &self.manifest(), &[]).wait()
    }
}

fn write(folder: &Path, name: &str, events: &[Event]) {
    let mut text = String::new();
    for event in events {
        let key = event.k.map_or("null".to_owned(), |k| format!("\"{k}\""));
        let (x, ms) = (event.x, event.ts / 1_000);
        let _ = writeln!(text, r#"{{"k":{key},"x":{x},"ts":{ms}}}"#);
    }
    std::fs::write(folder.join(name), text).unwrap();
}

/// Times go on by 100 ms a row, and rows are up to 40 s behind: some are late.
fn events(seed: u64, count: usize) -> Vec<Event> {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let keys = [Some("ann"), Some("bob"), Some("cid"), Some("dan"), None];
    let event = |row: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let number = usize::try_from(random % 1_000_000).unwrap();
        Event {
            k: keys.get(number % keys.len()).copied().flatten(),
            x: i64::try_from(number / 5 % 40).unwrap(),
            ts: 1_767_225_600_000_000 + 100_000 * i64::try_from(row).unwrap()
                - 1_000 * i64::try_from(number % 40_001).unwrap(),
        }
    };
    (0..count).map(event).collect()
}

fn sorted(ended: &Ended, folder: &str) -> Vec<String> {
    let mut lines = ended.lines(folder);
    lines.sort();
    lines
}

#[test]
fn rows_are_those_of_the_model_in_any_lanes_and_calls() {
    for (seed, parallelism, max_rows) in [(1, 1, 4096), (2, 2, 7), (3, 3, 1), (4, 3, 50)] {
        let events = events(seed, 910);
        let case = Case {
            parallelism,
            max_rows,
            ..PLAIN
        };
        let ended = case.run(&[&events]);
        assert!(ended.status.success(), "{}", ended.stderr);
        let (rows, late) = expected(&events, EPOCH, 2_000_000);
        assert!(rows.len() > 50 && late > 20, "{} and {late}", rows.len());
        assert_eq!(ended.lines("late").len(), late);
        let found = sorted(&ended, "out");
        assert!(
            found == rows,
            "seed {seed}\n{found:#?} instead of\n{rows:#?}"
        );
    }
}

/// The rows on which it fails are rejected, in calls of many rows; the others count.
#[test]
fn rows_on_which_it_fails_change_nothing() {
    let good = events(5, 120);
    let mut all = good.clone();
    for (place, x) in [(7, -1), (30, -2), (50, -3), (51, -4), (90, -1)] {
        let event = all[place];
        all.insert(place, Event { x, ..event });
    }
    let case = Case {
        parallelism: 2,
        more: "  bad: { from: visits.rejected, file: { path: ./bad }, format: json }",
        ..PLAIN
    };
    let ended = case.run(&[&all]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let (rows, _) = expected(&good, EPOCH, 2_000_000);
    assert_eq!(sorted(&ended, "out"), rows, "{}", ended.stderr);
    let mut reasons: Vec<String> = Vec::new();
    for line in ended.lines("bad") {
        let row: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["node"], "visits");
        assert!(
            row["plugin"]
                .as_str()
                .is_some_and(|digest| digest.len() == 64)
        );
        reasons.push(row["reason"].as_str().unwrap().to_owned());
    }
    reasons.sort();
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    for (reason, what) in reasons.iter().zip([
        "the plugin failed: x is -2",
        "the plugin took longer than",
        "the plugin trapped",
        "the plugin trapped",
        "x is -4",
    ]) {
        assert!(reason.starts_with(what), "{reason} instead of {what}");
    }
}

/// A timer on which it fails is rejected with its key and time; those of others come.
#[test]
fn timers_on_which_it_fails_are_rejected() {
    let at = |k, x, second: i64| Event {
        k: Some(k),
        x,
        ts: 1_767_225_600_000_000 + second * 1_000_000,
    };
    let events = [
        at("ann", 2, 0),
        at("bob", -5, 1),
        at("cid", -6, 1),
        at("dan", 2, 2),
    ];
    let case = Case {
        more: "  bad: { from: visits.rejected, file: { path: ./bad }, format: json }",
        ..PLAIN
    };
    let ended = case.run(&[&events]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let rows = |k: &str| {
        format!(
            r#"{{"k":"{k}","at":"2026-01-01T00:00:03Z","rows":1,"sum":2,"last":"2","seen":"2:1"}}"#
        )
    };
    assert_eq!(sorted(&ended, "out"), [rows("ann"), rows("dan")]);
    let mut bad = Vec::new();
    for line in ended.lines("bad") {
        let row: serde_json::Value = serde_json::from_str(&line).unwrap();
        bad.push((
            row["value"].to_string(),
            row["reason"].as_str().unwrap().to_owned(),
        ));
    }
    bad.sort();
    let timer = "a timer at 2026-01-01T00:00:03Z: ";
    assert_eq!(bad.len(), 2, "{bad:?}");
    for (_, reason) in &bad {
        assert!(reason.starts_with(timer), "{reason}");
    }
    assert!(
        bad.iter()
            .any(|(_, reason)| reason.ends_with("the plugin failed: a timer after x was -6")),
        "{bad:?}"
    );
}

/// Without anybody who reads rejected rows, a timer that fails stops the pipeline, and says so.
#[test]
fn a_timer_on_which_it_fails_stops_the_pipeline() {
    let event = Event {
        k: Some("bob"),
        x: -6,
        ts: 1_767_225_600_000_000,
    };
    let ended = PLAIN.run(&[&[event]]);
    assert!(!ended.status.success());
    for words in [
        "node `visits`",
        "a timer at 2026-01-01T00:00:03Z",
        "x was -6",
        "{\"k\":\"bob\"}",
    ] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

/// Other columns of state do not fit: told before anything runs.
#[test]
fn another_version_with_other_states_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    write(folder.path(), "in/0.json", &events(6, 50));
    let first = Run::start_in(folder, &PLAIN.manifest(), &[]).wait();
    assert!(first.status.success(), "{}", first.stderr);
    let same = Case {
        config: "{ ttl: 3600000 }",
        ..PLAIN
    };
    let second = first.again(&same.manifest()).wait();
    assert!(second.status.success(), "{}", second.stderr);
    let other = Case {
        config: "{ extra: true }",
        ..PLAIN
    };
    let third = second.again(&other.manifest()).wait();
    assert!(!third.status.success());
    assert!(third.stderr.contains("visits"), "{}", third.stderr);
    assert!(third.stderr.contains("--allow-reset"), "{}", third.stderr);
    // It is gone for good, also where nothing new is read.
    let allow = ["--allow-reset", "visits"];
    let reset = third.again_with(&other.manifest(), &allow).wait();
    assert!(reset.status.success(), "{}", reset.stderr);
    let last = reset.again(&other.manifest()).wait();
    assert!(last.status.success(), "{}", last.stderr);
}

/// Nothing comes any more: a timer of processing time is due all the same, once.
#[test]
fn timers_of_processing_time_wait_for_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let event = Event {
        k: Some("ann"),
        x: 7,
        ts: 1_767_225_600_000_000,
    };
    write(folder.path(), "in/0.json", &[event]);
    let case = Case {
        config: "{ after_ms: 1500 }",
        ..PLAIN
    };
    let manifest = case.manifest().replace("trigger: once", "trigger: 100ms");
    let manifest = manifest.replace(
        "  late: { from: visits.late, file: { path: ./late }, format: json }\n",
        "",
    );
    let run = Run::start_in(folder, &manifest, &[]);
    let out = run.path("out");
    until("the timer", || lines(&out).len() == 1);
    std::thread::sleep(std::time::Duration::from_millis(500));
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let rows = ended.lines("out");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(
        rows.iter()
            .all(|row| row.contains(r#""rows":1,"sum":7,"last":"7","seen":"2:1""#)),
        "{rows:?}"
    );
}
