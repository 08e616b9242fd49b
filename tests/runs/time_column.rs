//! Another column as the event time of a source: the watermark that is recorded is not that of it.

use std::path::Path;
use std::process::{Command, Output};

use crate::compiler::component;

/// `{column}`, `{query}` and `{plugin}` are filled in.
const MANIFEST: &str = r#"
name: time-column
trigger: once
at_end: keep
parallelism: 1
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in }
    format: json
    schema: { k: string, x: bigint, ts: timestamp, at: timestamp }
    time: { column: {column} }
transforms:
  times: { sql: "SELECT k, x, {column} AS ts FROM rows" }
  found: {query}
sinks:
  out: { from: found, file: { path: ./out }, format: json }
  late: { from: found.late, file: { path: ./late }, format: json }
plugins:
  visits: { path: "{plugin}" }
"#;

/// It has timers, and lets go of nothing by a watermark.
const VISITS: &str = "{ from: times, plugin: visits, key: [k] }";

/// It closes windows.
const WINDOWS: &str = r#"{ sql: "SELECT window.start AS t, count(*) AS n FROM times GROUP BY window(ts, '10 seconds')" }"#;

fn azud(folder: &Path, arguments: &[&str]) -> Output {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    let azud = azud.args(arguments).env("NO_COLOR", "1");
    azud.current_dir(folder).output().unwrap()
}

fn set(folder: &Path, column: &str, query: &str) {
    let manifest = MANIFEST.replace("{column}", column);
    let plugin = component("tests/guests/visits").display().to_string();
    let manifest = manifest
        .replace("{query}", query)
        .replace("{plugin}", &plugin);
    std::fs::write(folder.join("pipeline.yaml"), manifest).unwrap();
}

fn give(folder: &Path, file: &str, rows: &str) {
    std::fs::write(folder.join("in").join(file), rows).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs it to its end.
fn run(folder: &Path, arguments: &[&str]) {
    let arguments = [&["run", "pipeline.yaml"], arguments].concat();
    let output = azud(folder, &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The error with which it does not start.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let arguments = [&["run", "pipeline.yaml"], arguments].concat();
    let output = azud(folder, &arguments);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let error = stderr.lines().find(|line| line.starts_with("error: "));
    error.unwrap_or(&stderr).to_owned()
}

/// The visible lines in a folder, sorted.
fn lines(folder: &Path, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder.join(name)).into_iter().flatten() {
        let path = entry.unwrap().path();
        let is_hidden = path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(['.', '_']);
        if path.is_file() && !is_hidden {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

/// Two rows of a key at each of some seconds: by `ts` from noon on, by `at` from midnight on.
fn rows(keys: &[(&str, i64)]) -> String {
    let row = |(key, second): &(&str, i64)| {
        let (noon, midnight) = (
            1_767_268_800 + second,
            1_767_225_600 + second.rem_euclid(60),
        );
        let row = format!(
            r#"{{"k":"{key}","x":1,"ts":{},"at":{}}}"#,
            noon * 1_000,
            midnight * 1_000
        );
        format!("{row}\n{row}\n")
    };
    keys.iter().map(row).collect()
}

/// A folder in which it has run by `ts`, up to a watermark of noon; there are new rows, which
/// by `at` are much before that.
fn ran(query: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("in")).unwrap();
    set(path, "ts", query);
    give(path, "1.json", &rows(&[("a", -60), ("b", 0)]));
    run(path, &[]);
    give(path, "2.json", &rows(&[("c", 3), ("d", 20)]));
    folder
}

const WHY: &str = "its event time is `at`, and its watermark is that of `ts`: it would begin anew";
const CLOSED: &str =
    "it has closed windows, or let go of rows, by the watermark of `rows`, which would begin anew";

fn visit(key: &str, at: &str) -> String {
    format!(r#"{{"k":"{key}","at":"2026-01-01T{at}Z","rows":2,"sum":2,"last":"1 1","seen":"1:2"}}"#)
}

#[test]
fn a_plan_says_so_beforehand() {
    let folder = ran(WINDOWS);
    let path = folder.path();
    let plan = || {
        let output = azud(
            path,
            &["plan", "pipeline.yaml", "--against", "state", "--json"],
        );
        let fits: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), fits)
    };
    let (code, fits) = plan();
    assert_eq!((code, &fits[0]["fit"]), (Some(0), &"kept".into()), "{fits}");
    set(path, "at", WINDOWS);
    let (code, fits) = plan();
    let node = |node: &str, fit: &str, reason: Option<&str>| serde_json::json!({ "node": node, "fit": fit, "reason": reason });
    let expected = [
        node("rows", "lost", Some(WHY)),
        node("times", "kept", None),
        node("found", "lost", Some(CLOSED)),
        node("out", "kept", None),
        node("late", "kept", None),
    ];
    assert_eq!((code, fits), (Some(1), expected.into_iter().collect()));
}

/// What the source alone loses is its watermark: it reads on where it was.
#[test]
fn it_begins_anew_where_that_is_allowed() {
    let folder = ran(VISITS);
    let path = folder.path();
    assert_eq!(lines(path, "out"), [visit("a", "11:59:03")]);
    set(path, "at", VISITS);
    let error = refused(path, &[]);
    assert_eq!(
        error,
        format!(
            "error: the checkpoint `./state/` does not fit the manifest: node `rows`: {WHY}; to go \
             on without what was kept: --allow-reset rows"
        )
    );
    run(path, &["--allow-reset", "rows"]);
    let both = [visit("a", "11:59:03"), visit("c", "00:00:06")];
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(lines(path, "out"), sorted(both.to_vec()));
    assert_eq!(lines(path, "late"), Vec::<String>::new());

    // From now on that column is the one that is known.
    give(path, "3.json", &rows(&[("e", 5)]));
    run(path, &[]);
    let late = r#"{"k":"e","x":1,"ts":"2026-01-01T00:00:05Z"}"#;
    assert_eq!(lines(path, "late"), [late, late]);
    let why = azud(path, &["why", "pipeline.yaml", "rows", "--json"]);
    let why: serde_json::Value = serde_json::from_slice(&why.stdout).unwrap();
    assert_eq!(why["watermark"], "2026-01-01T00:00:20Z");
}

/// Windows that the old watermark has closed would be open again: they begin anew as well.
#[test]
fn what_the_old_watermark_has_closed_is_named_too() {
    let folder = ran(WINDOWS);
    let path = folder.path();
    let before = r#"{"t":"2026-01-01T11:59:00Z","n":2}"#;
    assert_eq!(lines(path, "out"), [before]);
    set(path, "at", WINDOWS);
    let error = refused(path, &["--allow-reset", "rows"]);
    let expected =
        format!("node `found`: {CLOSED}; to go on without what was kept: --allow-reset found");
    assert!(error.ends_with(&expected), "{error}");
    let error = refused(path, &[]);
    assert!(
        error.ends_with(": --allow-reset rows --allow-reset found"),
        "{error}"
    );

    run(path, &["--allow-reset", "rows", "--allow-reset", "found"]);
    assert_eq!(
        lines(path, "out"),
        [r#"{"t":"2026-01-01T00:00:00Z","n":2}"#, before]
    );
    assert_eq!(lines(path, "late"), Vec::<String>::new());
}
