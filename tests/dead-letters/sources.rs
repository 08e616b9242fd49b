//! Records that a source could not decode, and how their files are read back.

use std::fs;

use serde_json::Value;

use crate::components::good;
use crate::pipeline::Folder;
use crate::poison::{
    MANIFEST, assert_once, counts, folder, json, letters, lines, spread, wait_for_rows,
};

const SOURCE: &str = "
name: records
trigger: continuous
checkpoint: { to: ./state, every: 100ms }
dead_letters: rejects
sources:
  raw:
    file: { path: ./in, settle: 0ms, poll: 100ms }
    format: json
    schema: { id: bigint, amount: bigint, ts: timestamp }
    keep: [path]
    time: { column: ts, delay: 1s }
transforms:
  total: { sql: 'SELECT sum(amount) AS total, count(*) AS rows FROM raw' }
sinks:
  out: { from: raw, file: { path: ./out }, format: json }
  totals: { from: total, file: { path: ./totals }, format: json, mode: complete }
  rejects: { file: { path: ./rejects }, format: json }
";

/// The newest total.
fn total(folder: &Folder) -> Value {
    lines(folder, "totals").pop().unwrap()
}

#[test]
fn a_record_is_decoded_anew_by_what_the_manifest_says_now() {
    let folder = Folder::new(SOURCE);
    fs::create_dir(folder.path("in")).unwrap();
    let rows = [
        r#"{"id":1,"amount":5,"ts":"2026-01-01T00:00:01Z"}"#,
        r#"{"id":2,"amount":2.5,"ts":"2030-01-01T00:00:02Z"}"#,
        r#"{"id":3,"amount":6,"ts":"2026-01-01T00:00:03Z"}"#,
        "no json at all",
    ];
    folder.write("in/a.json", rows.join("\n").as_bytes());
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 2);
    wait_for_rows(&folder, "out", 2);

    // As it is, it is rejected again: of the same place, a second attempt, then a third.
    for attempt in 2..=3 {
        let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
        assert_eq!(json(&asked)["rows"], 2, "{}", asked.text);
        wait_for_rows(&folder, "rejects", 2 * attempt);
    }
    let all = lines(&folder, "rejects");
    let places: Vec<(&str, u64)> = all
        .iter()
        .filter(|letter| letter["value"] == all[0]["value"])
        .map(|letter| {
            assert_eq!(
                (&letter["source"], &letter["partition"]),
                (&"raw".into(), &"./in/a.json".into())
            );
            (
                letter["position"].as_str().unwrap(),
                letter["attempt"].as_u64().unwrap(),
            )
        })
        .collect();
    let position = all[0]["position"].as_str().unwrap();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [(position, 1), (position, 2), (position, 3)]);
    assert_eq!(counts(&folder), (6, 4));
    pipeline.drain();
    assert_eq!(
        total(&folder),
        serde_json::json!({ "total": 11, "rows": 2 })
    );

    // Another type, and the aggregate goes on with what it had.
    let manifest = SOURCE.replace("amount: bigint, ts", "amount: 'decimal(10,1)', ts");
    let manifest = manifest.replace(
        "sum(amount) AS total",
        "sum(CAST(amount AS bigint)) AS total",
    );
    folder.write("pipeline.yaml", manifest.as_bytes());
    let allow = ["--allow-reset", "total"];
    let pipeline = folder.run(&allow, &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(
        &folder,
        "replay",
        &["--json", "--node", "raw", "--at", &pipeline.address()],
    );
    assert_eq!(json(&asked)["rows"], 2, "{}", asked.text);
    wait_for_rows(&folder, "out", 3);
    let mended = lines(&folder, "out")
        .into_iter()
        .find(|row| row["id"] == 2)
        .unwrap();
    assert_eq!(mended["amount"], 2.5);
    assert_eq!(
        mended["path"], "./in/a.json",
        "what its source keeps beside it"
    );
    // Four years later: event time is not moved by that.
    let status = json(&pipeline.azud(&["status", "--json"]));
    assert_eq!(status["watermarks"][0]["watermark"], "2026-01-01T00:00:02Z");
    pipeline.drain();
    assert_eq!(
        counts(&folder),
        (7, 6),
        "what is no JSON is a dead letter again"
    );
}

#[test]
fn a_line_of_csv_with_a_header_is_refused_and_one_without_is_not() {
    for header in [true, false] {
        let manifest = SOURCE.replace("format: json\n    schema", "format: csv\n    schema");
        let manifest = match header {
            true => manifest,
            false => manifest.replace("format: csv\n", "format: csv\n    header: false\n"),
        };
        let folder = Folder::new(&manifest);
        fs::create_dir(folder.path("in")).unwrap();
        let names = if header { "id,amount,ts\n" } else { "" };
        let text = format!("{names}1,5,2026-01-01\n2,x,2026-01-01\n");
        folder.write("in/a.csv", text.as_bytes());
        let pipeline = folder.run(&[], &[]);
        wait_for_rows(&folder, "rejects", 1);
        let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
        match header {
            true => {
                assert_eq!(asked.code, Some(2), "{}", asked.text);
                assert!(asked.text.contains("has not the header"), "{}", asked.text);
            }
            false => {
                assert_eq!(asked.code, Some(0), "{}", asked.text);
                wait_for_rows(&folder, "rejects", 2);
            }
        }
        pipeline.drain();
    }
}

/// Whatever the sink of dead letters writes, as far as it can be read.
#[test]
fn every_layout_and_format_is_read_back() {
    let poison = spread(5, 300);
    for sink in [
        "file: { path: ./rejects, layout: rolling, roll: { size: 1KiB } }, format: json",
        "file: { path: ./rejects/, layout: batches }, format: json",
        "file: { path: './rejects [1]' }, format: csv",
        "file: { path: ./rejects }, format: csv, header: false",
        "from: evil.rejected, file: { path: ./rejects }, format: json",
    ] {
        let manifest = MANIFEST.replace("file: { path: ./rejects }, format: json", sink);
        let manifest = match sink.starts_with("from") {
            true => manifest.replace("dead_letters: rejects\n", ""),
            false => manifest,
        };
        let folder = folder(&manifest, 300, &poison);
        let pipeline = folder.run(&[], &[]);
        wait_for_rows(&folder, "out", 295);
        pipeline.drain();
        assert_eq!(counts(&folder), (5, 0), "{sink}");
        folder.write("first.wasm", &good(1));
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("goes on after epoch");
        let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
        assert_eq!(json(&asked)["rows"], 5, "{sink}: {}", asked.text);
        pipeline.drain();
        assert_once(&folder, 300, &poison, "v1");
        assert_eq!(counts(&folder), (5, 5), "{sink}");
    }
}
