//! What rejects: a query, a plugin with state, a sink; and a run on the screen.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::components::{bad, good};
use crate::pipeline::Folder;
use crate::poison::{
    MANIFEST, assert_once, counts, delivered, folder, json, letters, lines, spread, wait_for_rows,
    write_rows,
};

/// Every file below a folder, with its bytes.
fn files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => drop(found.insert(path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
}

#[test]
fn a_dry_run_shows_what_would_come_and_touches_nothing() {
    let manifest = MANIFEST.replace(
        "sinks:\n",
        "  counted: { sql: 'SELECT said, count(*) AS rows FROM evil GROUP BY said' }\nsinks:\n  \
         counts: { from: counted, file: { path: ./counts }, format: json, mode: complete }\n",
    );
    let poison = spread(4, 400);
    let folder = folder(&manifest, 400, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 4);
    wait_for_rows(&folder, "out", 396);
    pipeline.drain();
    let mut before = BTreeMap::new();
    files(&folder.path(""), &mut before);

    // Today's plugin fails again.
    let asked = letters(&folder, "replay", &["--dry-run", "--json"]);
    let dry = json(&asked);
    let digest = azud_sandbox::digest(&fs::read(folder.path("first.wasm")).unwrap());
    let used = format!(
        "plugin `evil` is {}, sha256 {}, as the manifest says; where another version runs, name \
         that with --plugin\n",
        folder.path("./first.wasm").display(),
        &digest[..12]
    );
    assert_eq!(asked.text.matches(&used).count(), 1, "{}", asked.text);
    assert_eq!(dry["sinks"]["out"], Value::Array(Vec::new()));
    let rejected = dry["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 4);
    assert!(
        rejected
            .iter()
            .all(|row| row["attempt"] == 2 && row["node"] == "evil")
    );

    // A named one does not: the aggregate below begins with nothing.
    let other = tempfile::tempdir().unwrap();
    let component = other.path().join("mended.wasm");
    fs::write(&component, good(3)).unwrap();
    let component = component.to_str().unwrap();
    let named = ["--dry-run", "--node", "evil", "--plugin", component];
    let dry = json(&letters(
        &folder,
        "replay",
        &[&named[..], &["--json"]].concat(),
    ));
    let mut ids: Vec<u64> = dry["sinks"]["out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["n"], &row["said"], &row["word"]),
                (&7.into(), &"v3".into(), &Value::Null)
            );
            row["id"].as_u64().unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert!(ids.iter().eq(&poison), "{ids:?}");
    assert_eq!(
        dry["sinks"]["counts"],
        serde_json::json!([{ "said": "v3", "rows": 4 }])
    );
    assert_eq!(dry["rejected"], Value::Array(Vec::new()));
    let text = letters(&folder, "replay", &named);
    assert_eq!(text.code, Some(0), "{}", text.text);
    assert!(text.text.contains("out would get 4\n"), "{}", text.text);
    assert!(text.text.contains("rejected again: 0\n"), "{}", text.text);
    let used = format!(
        "plugin `evil` is {component}, sha256 {}, as --plugin says\n",
        &azud_sandbox::digest(&good(3))[..12]
    );
    assert_eq!(text.text.matches(&used).count(), 1, "{}", text.text);

    let mut after = BTreeMap::new();
    files(&folder.path(""), &mut after);
    assert!(before == after, "a file was touched");
    assert_eq!(counts(&folder), (4, 0));

    // In the pipeline, what is counted below counts them once.
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 4, "{}", asked.text);
    pipeline.drain();
    assert_once(&folder, 400, &poison, "v1");
    let rows = lines(&folder, "counts")
        .into_iter()
        .map(|row| row["rows"].as_u64().unwrap());
    assert_eq!(rows.sum::<u64>(), 400);
}

#[test]
fn a_row_of_a_query_goes_to_the_query_again() {
    let query = |divisor: &str| {
        MANIFEST
            .replace(
                "evil: { from: numbers, plugin: evil }",
                &format!("evil: {{ sql: \"SELECT id, 'q' AS said, 14 / {divisor} AS q FROM numbers WHERE id < 50\" }}"),
            )
            .replace(
                "plugins:\n  evil: { path: ./first.wasm, limits: { deadline: 1s, memory: 16MiB } }\n",
                "",
            )
    };
    let folder = folder(&query("n"), 100, &spread(0, 100));
    let pipeline = folder.run(&[], &[]);
    // Every seventh has no divisor.
    wait_for_rows(&folder, "rejects", 8);
    wait_for_rows(&folder, "out", 42);
    pipeline.drain();
    folder.write("pipeline.yaml", query("(n + 1)").as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 8, "{}", asked.text);
    pipeline.drain();
    let delivered = delivered(&folder, "out");
    assert_eq!(delivered.len(), 50);
    assert!(delivered.values().all(|(count, _)| *count == 1));
    let rows = lines(&folder, "out");
    let mended = rows.iter().filter(|row| row["q"] == 14.0);
    // Where n is 0 now, and where it was 1 before.
    assert_eq!(mended.count(), 8 + 7);
}

/// Its rows move by key: a replayed one is taken by the lane that has its state.
#[test]
fn a_row_of_a_plugin_with_state_goes_to_the_lane_of_its_key() {
    let manifest = MANIFEST.replace("plugin: evil }", "plugin: evil, key: [n] }");
    let poison = spread(6, 600);
    let folder = folder(&manifest, 600, &poison);
    folder.write("first.wasm", &bad("process", "panics"));
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 6);
    pipeline.drain();
    let before = lines(&folder, "out").len();
    let digest = azud_sandbox::digest(&bad("process", "panics"));
    for letter in lines(&folder, "rejects") {
        assert_eq!(
            (&letter["node"], &letter["plugin"]),
            (&"evil".into(), &digest.as_str().into())
        );
        assert_eq!(
            (&letter["source"], &letter["attempt"]),
            (&"numbers".into(), &1.into())
        );
        assert!(letter["position"].is_string());
    }
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 6, "{}", asked.text);
    pipeline.drain();
    assert_eq!(counts(&folder), (6, 6));
    println!(
        "{before} rows before, {} after",
        lines(&folder, "out").len()
    );
}

/// A sink that is a plugin: what it refused is offered to it again, and to nobody else.
#[test]
fn a_row_of_a_sink_goes_to_that_sink_alone() {
    let manifest = MANIFEST.replace(
        "evil: { from: numbers, plugin: evil }",
        "same: { sql: 'SELECT n, id, word FROM numbers' }",
    );
    let manifest = manifest.replace(
        "out: { from: evil, file: { path: ./out }, format: json }",
        "out: { from: same, file: { path: ./out }, format: json }\n  hook: { from: same, plugin: evil, max_rows: 1 }",
    );
    let manifest = manifest.replace("limits: {", "grants: { http: [], tcp: [] }, limits: {");
    let poison = spread(3, 60);
    let folder: Folder = folder(&manifest, 60, &poison);
    folder.write("first.wasm", &bad("write", "panics"));
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "out", 60);
    wait_for_rows(&folder, "rejects", 3);
    let again = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&again)["rows"], 3, "{}", again.text);
    wait_for_rows(&folder, "rejects", 6);
    let asked = pipeline.reload("hook", &good(1));
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let again = letters(
        &folder,
        "replay",
        &["--json", "--node", "hook", "--at", &pipeline.address()],
    );
    assert_eq!(json(&again)["rows"], 3, "{}", again.text);
    pipeline.drain();
    let attempts = lines(&folder, "rejects");
    let seconds = attempts
        .iter()
        .filter(|letter| letter["attempt"] == 2)
        .count();
    assert_eq!((attempts.len(), seconds), (6, 3));
    assert_eq!(
        lines(&folder, "out").len(),
        60,
        "another sink of the same rows got them once"
    );
    assert_eq!(counts(&folder), (6, 6));
}

/// The version that rejected a row is the one that ran then.
#[test]
fn a_dead_letter_names_the_version_that_rejected_it_after_a_swap_too() {
    let poison = spread(3, 100);
    let folder = folder(MANIFEST, 100, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 3);
    let other = bad("process", "rejects-with-controls");
    let asked = pipeline.reload("evil", &other);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    write_rows(&folder, "in/more.json", 100..110, &[105].into());
    wait_for_rows(&folder, "rejects", 4);
    pipeline.drain();
    let all = lines(&folder, "rejects");
    let of = |component: &[u8]| {
        let digest = azud_sandbox::digest(component);
        all.iter()
            .filter(|letter| letter["plugin"] == digest.as_str())
            .count()
    };
    assert_eq!((of(&bad("process", "fails")), of(&other)), (3, 1));
}

/// What an aggregate's plugin fails on is of a record, and enters behind the step that computes what
/// the plugin reads.
#[test]
fn a_row_of_an_aggregate_that_is_a_plugin_counts_once() {
    let manifest = MANIFEST.replace(
        "evil: { from: numbers, plugin: evil }",
        "evil: { sql: 'SELECT id, evil(n) AS total FROM numbers GROUP BY id' }",
    );
    let manifest = manifest.replace(
        "out: { from: evil, file: { path: ./out }, format: json }",
        "out: { from: evil, file: { path: ./out }, format: json, mode: complete }",
    );
    let poison = spread(5, 200);
    let folder = folder(&manifest, 200, &poison);
    folder.write("first.wasm", &bad("update", "panics"));
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 5);
    pipeline.drain();
    assert_eq!(delivered(&folder, "out").len(), 195);
    let digest = azud_sandbox::digest(&bad("update", "panics"));
    for letter in lines(&folder, "rejects") {
        assert_eq!(
            (&letter["node"], &letter["plugin"]),
            (&"evil".into(), &digest.as_str().into())
        );
        assert_eq!(
            (&letter["source"], &letter["partition"]),
            (&"numbers".into(), &"./in/rows.json".into())
        );
        let position: u64 = letter["position"].as_str().unwrap().parse().unwrap();
        assert!(poison.contains(&(position - 1)), "{letter}");
    }
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 5, "{}", asked.text);
    pipeline.drain();
    let delivered = delivered(&folder, "out");
    assert_eq!(delivered.len(), 200);
    assert!(delivered.values().all(|(count, _)| *count == 1));
    assert_eq!(counts(&folder), (5, 5));
}
