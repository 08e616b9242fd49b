//! `azud why`: what a node waits for, held against what then comes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const MANIFEST: &str = r#"
name: why
trigger: once
at_end: keep
checkpoint: { to: ./state }
sources:
  shown:
    file: { path: ./shown }
    format: json
    schema: { id: string, n: bigint, ts: timestamp }
    time: { column: ts, delay: 5s }
  clicks:
    file: { path: ./clicks }
    format: json
    schema: { id: string, at: timestamp }
    time: { column: at }
  words: { file: { path: ./words }, format: text }
transforms:
  first: { sql: "SELECT * FROM dropDuplicatesWithinWatermark(shown, id)" }
  pairs:
    sql: "SELECT f.id, f.ts, c.at FROM first f JOIN clicks c
          ON f.id = c.id AND c.at BETWEEN f.ts AND f.ts + INTERVAL '10 seconds'"
  sums: { sql: "SELECT window.start AS start, sum(n) AS n FROM shown GROUP BY window(ts, '10 seconds')" }
  slides: { sql: "SELECT window.start AS start, sum(n) AS n FROM shown GROUP BY window(ts, '10 seconds', '4 seconds')" }
  sessions: { sql: "SELECT session_window.start AS start, id, count(*) AS n FROM shown GROUP BY session_window(ts, '3 seconds'), id" }
  totals: { sql: "SELECT value, count(*) AS n FROM words GROUP BY value" }
sinks:
  a: { from: pairs, blackhole: {} }
  b: { from: sums, blackhole: {} }
  c: { from: slides, blackhole: {} }
  d: { from: sessions, blackhole: {} }
  e: { from: totals, blackhole: {}, mode: update }
"#;

fn azud(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    azud.args(arguments).current_dir(folder).output().unwrap()
}

fn run(folder: &Path) {
    let output = azud(folder, &["run", "pipeline.yaml"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// All but the first line, which has the time.
fn told(folder: &Path, node: &str) -> String {
    let output = azud(folder, &["why", "pipeline.yaml", node]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(
        first.starts_with(&format!("{node}, after epoch ")),
        "{first}"
    );
    rest.to_owned()
}

fn json(folder: &Path, node: &str) -> Value {
    let output = azud(folder, &["why", "pipeline.yaml", node, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder in which the pipeline has run.
fn ran() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for source in ["shown", "clicks", "words"] {
        std::fs::create_dir(path.join(source)).unwrap();
    }
    std::fs::write(path.join("pipeline.yaml"), MANIFEST).unwrap();
    let shown = r#"{"id":"a","n":1,"ts":"2026-01-01T00:00:01Z"}
{"id":"a","n":2,"ts":"2026-01-01T00:00:02Z"}
{"id":"b","n":4,"ts":"2026-01-01T00:00:20Z"}
"#;
    std::fs::write(path.join("shown/1.json"), shown).unwrap();
    let clicks = r#"{"id":"a","at":"2026-01-01T00:00:05Z"}
{"id":"c","at":"2026-01-01T00:00:12Z"}
"#;
    std::fs::write(path.join("clicks/1.json"), clicks).unwrap();
    std::fs::write(path.join("words/1"), "x\ny\nx\n").unwrap();
    run(path);
    folder
}

#[test]
fn it_tells_the_watermark_and_what_is_kept() {
    let folder = ran();
    assert_eq!(
        told(folder.path(), "pairs"),
        r"
watermark 2026-01-01T00:00:12Z, held back by `clicks`

source  column  delay  latest row            watermark
shown   ts      5s     2026-01-01T00:00:20Z  2026-01-01T00:00:15Z
clicks  at      0s     2026-01-01T00:00:12Z  2026-01-01T00:00:12Z

first keeps dropDuplicatesWithinWatermark by id
  its watermark is 2026-01-01T00:00:15Z
  keys that were seen: 1, from 2026-01-01T00:00:20Z on, until the watermark is 2026-01-01T00:00:25Z
  next at the watermark 2026-01-01T00:00:25Z, 10s from now: it takes a row of 2026-01-01T00:00:30Z or later from `shown`

pairs keeps Inner join on id = id and at >= ts AND at <= ts + 10 s, until ts + 10.001 s, until at + 0.001 s
  rows of the left side: 1, from 2026-01-01T00:00:20Z on, until the watermark is 2026-01-01T00:00:30.001Z
  rows of the right side: 1, from 2026-01-01T00:00:12Z on, until the watermark is 2026-01-01T00:00:12.001Z
  next at the watermark 2026-01-01T00:00:12.001Z, 1ms from now: it takes a row of 2026-01-01T00:00:12.001Z or later from `clicks`
"
    );
    assert_eq!(
        told(folder.path(), "e"),
        r"
no source above it has event time: no watermark closes anything

source  column  delay  latest row  watermark
words   -       -      -           -          no event time: it holds back nobody

totals keeps count(*) by value
  groups: 2, for ever
"
    );
    let sink = json(folder.path(), "a");
    assert_eq!(sink["watermark"], "2026-01-01T00:00:01.999Z");
    assert_eq!(sink["held_back_by"], serde_json::json!(["clicks"]));
    assert_eq!(sink["sources"][1]["behind"], "10001ms");
}

/// A row that comes a millisecond before the time that is told closes nothing, and one of that
/// time does: whatever the windows are.
#[test]
fn what_it_says_comes_true() {
    const NODES: [&str; 3] = ["sums", "slides", "sessions"];
    let folder = ran();
    let waits = || {
        NODES.map(|node| {
            let why = json(folder.path(), node);
            let step = &why["steps"][0];
            let row = step["needs"][0]["row"].as_str().unwrap().to_owned();
            (row, step["next"].as_str().unwrap().to_owned())
        })
    };
    let give = |round: u32, row: &str| {
        let row = format!("{{\"id\":\"z{round}\",\"n\":0,\"ts\":\"{row}\"}}\n");
        let file = folder.path().join(format!("shown/z{round}.json"));
        std::fs::write(file, row).unwrap();
        run(folder.path());
    };
    let mut before = waits();
    for round in 0..4 {
        let row = before.iter().map(|(row, _)| millis(row)).min().unwrap();
        let earlier = time(row - 1);
        give(2 * round, &earlier);
        assert_eq!(waits(), before, "{earlier}");
        give(2 * round + 1, &time(row));
        let after = waits();
        for ((node, before), after) in NODES.iter().zip(&before).zip(&after) {
            let goes = millis(&before.0) == row;
            assert_eq!(goes, before.1 != after.1, "{node} at {}", time(row));
        }
        before = after;
    }
}

/// Milliseconds of the minute that all of it happens in.
fn millis(time: &str) -> u32 {
    let second = time.strip_prefix("2026-01-01T00:00:").unwrap();
    let second = second.strip_suffix('Z').unwrap();
    let (seconds, millis) = second.split_once('.').unwrap_or((second, "000"));
    assert_eq!((seconds.len(), millis.len()), (2, 3), "{time}");
    seconds.parse::<u32>().unwrap() * 1000 + millis.parse::<u32>().unwrap()
}

fn time(millis: u32) -> String {
    format!(
        "2026-01-01T00:00:{:02}.{:03}Z",
        millis / 1000,
        millis % 1000
    )
}

#[test]
fn what_cannot_be_told_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for source in ["shown", "clicks", "words"] {
        std::fs::create_dir(path.join(source)).unwrap();
    }
    let said = |manifest: &str, node: &str| {
        std::fs::write(path.join("pipeline.yaml"), manifest).unwrap();
        let output = azud(path, &["why", "pipeline.yaml", node]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(MANIFEST, "sums").contains("the pipeline has not run yet"));
    assert!(said(MANIFEST, "sum").contains("there is no node `sum`, did you mean `sums`?"));
    let without = MANIFEST.replace("checkpoint: { to: ./state }\n", "");
    assert!(said(&without, "sums").contains("the manifest has no `checkpoint`"));

    std::fs::write(path.join("pipeline.yaml"), MANIFEST).unwrap();
    run(path);
    assert!(
        told(path, "pairs").starts_with("\nno watermark yet: it waits for `shown`, `clicks`\n")
    );
    // Another query has no use for the state that is there.
    let other = MANIFEST.replace("count(*) AS n FROM words", "min(value) AS n FROM words");
    std::fs::write(path.join("pipeline.yaml"), other).unwrap();
    let text = told(path, "totals");
    let expected = "totals keeps min(value) by value\n  the checkpoint has it of `count(*) by \
                    value`, and the manifest is another now\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_plugin_with_state_is_asked_for_its_timers() {
    let plugin = crate::compiler::component("tests/guests/visits");
    let manifest = format!(
        r#"
name: why-keyed
trigger: once
at_end: keep
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./rows.json }}
    format: json
    schema: {{ k: string, x: bigint, ts: timestamp }}
    time: {{ column: ts, delay: 1s }}
transforms:
  visits: {{ from: rows, plugin: visits, key: [k] }}
sinks:
  out: {{ from: visits, blackhole: {{}} }}
plugins:
  visits: {{ path: "{}" }}
"#,
        plugin.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("pipeline.yaml"), manifest).unwrap();
    let rows = r#"{"k":"a","x":1,"ts":"2026-01-01T00:00:01Z"}
{"k":"b","x":1,"ts":"2026-01-01T00:00:02.5Z"}
{"k":"b","x":1,"ts":"2026-01-01T00:00:03.5Z"}
"#;
    std::fs::write(path.join("rows.json"), rows).unwrap();
    run(path);
    let text = told(path, "out");
    let (_, step) = text.split_once("visits keeps ").unwrap();
    let (_, step) = step.split_once('\n').unwrap();
    assert_eq!(
        step,
        "  keys: 2
  timers of event time: 3, the first until the watermark is 2026-01-01T00:00:03Z, the last until \
         2026-01-01T00:00:06Z
  next at the watermark 2026-01-01T00:00:03Z, 500ms from now: it takes a row of \
         2026-01-01T00:00:04Z or later from `rows`
"
    );
}

/// Of timers that the clock makes due, the next is the least that the checkpoint has.
#[test]
fn timers_of_the_clock_are_told_with_the_next() {
    let plugin = crate::compiler::component("tests/guests/visits");
    let manifest = format!(
        r#"
name: why-clock
trigger: once
checkpoint: {{ to: ./state }}
sources:
  rows: {{ file: {{ path: ./in, max_files: 1 }}, format: json, schema: {{ k: string, x: bigint, ts: timestamp }} }}
transforms:
  visits: {{ from: rows, plugin: visits, key: [k], config: {{ after_ms: 86400000 }} }}
sinks:
  out: {{ from: visits, blackhole: {{}} }}
plugins:
  visits: {{ path: "{}" }}
"#,
        plugin.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("in")).unwrap();
    std::fs::write(path.join("pipeline.yaml"), manifest).unwrap();
    let held = || json(path, "visits")["steps"][0]["held"].clone();
    let mut known = Vec::new();
    for (file, shown) in [("a", "1, due at"), ("b", "2, the next due at")] {
        let row = format!(r#"{{"k":"{file}","x":1,"ts":0}}"#);
        std::fs::write(path.join(format!("in/{file}.json")), row).unwrap();
        run(path);
        let rows = azud(
            path,
            &["state", "show", "pipeline.yaml", "visits", "--json"],
        );
        let rows = String::from_utf8(rows.stdout).unwrap();
        let rows = rows
            .lines()
            .map(|row| serde_json::from_str::<Value>(row).unwrap());
        let times = rows.filter(|row| row["_state"] == "_timers");
        // As short as it can be.
        let times = times.map(|row| {
            let time = row["_time"].as_str().unwrap().trim_end_matches('Z');
            let time = match time.contains('.') {
                true => time.trim_end_matches('0').trim_end_matches('.'),
                false => time,
            };
            format!("{time}Z")
        });
        let new: Vec<String> = times.filter(|time| !known.contains(time)).collect();
        known.extend(new);
        // The one that was set first stays the next.
        let text = told(path, "visits");
        let line = format!("\n  timers of processing time: {shown} {}\n", known[0]);
        assert!(text.contains(&line), "{line}{text}");
        let timers = &held()[1];
        assert_eq!(timers["what"], "timers of processing time");
        assert_eq!(
            (timers["rows"].as_u64(), &timers["due"]),
            (Some(known.len() as u64), &known[0].clone().into())
        );
    }
}
