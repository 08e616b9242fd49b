//! Versions that run beside the one that serves.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::bad::MANIFEST;
use crate::change::apply;
use crate::components::{bad, good};
use crate::pipeline::{Asked, Folder, Pipeline, signal};
use crate::rows::{assert_exact, by_epoch, versions};

fn shadow(pipeline: &Pipeline<'_>, component: &[u8]) -> Value {
    shadow_for(pipeline, component, "2s")
}

fn shadow_for(pipeline: &Pipeline<'_>, component: &[u8], time: &str) -> Value {
    let asked = pipeline.reload_with("evil", component, &["--shadow", time, "--json"]);
    let found = json(&asked);
    // 1 where nothing was compared.
    let code = i32::from(found["rows"] == 0);
    assert_eq!(asked.code, Some(code), "{}", asked.text);
    found
}

/// What was printed, before what was told.
fn json(asked: &Asked) -> Value {
    let mut values = serde_json::Deserializer::from_str(&asked.text).into_iter();
    values.next().unwrap().unwrap()
}

fn ask(pipeline: &Pipeline<'_>, flag: &str) -> Asked {
    pipeline.azud(&["reload", "evil", flag])
}

#[test]
fn what_differs_is_told_and_thrown_away() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();

    // Another digest, and the same rows.
    let same = crate::components::renamed(&folder.path("first.wasm"), "same");
    let found = shadow(&pipeline, &same);
    assert!(found["rows"].as_u64() > Some(500), "{found}");
    assert_eq!(found["differ"], 0, "{found}");
    assert_eq!(found["failed"], 0, "{found}");
    assert!(found["memory"][1].as_u64() > Some(1 << 20), "{found}");
    assert!(found["micros"][1].as_u64() > Some(0), "{found}");

    // It says something else of every row.
    let found = shadow(&pipeline, &good(2));
    assert_eq!(found["differ"], found["rows"], "{found}");
    let example = &found["examples"][0];
    let row = example["row"].as_str().unwrap();
    assert!(
        row.starts_with("n: ") && row.contains(", id: "),
        "{example}"
    );
    assert_eq!(example["before"], format!("{row}, said: v1"));
    assert_eq!(example["now"], format!("{row}, said: v2"));

    // It goes on, and whoever looks at the pipeline sees it.
    let asked = pipeline.azud(&["status", "--json"]);
    let status: Value = serde_json::from_str(&asked.text).unwrap();
    let shown = &status["shadows"][0];
    assert_eq!(shown["node"], "evil", "{status}");
    assert_eq!(shown["sha256"], azud_sandbox::digest(&good(2)));
    assert!(shown["rows"].as_u64() >= found["rows"].as_u64(), "{shown}");
    assert_eq!(shown["differ"], shown["rows"], "{shown}");
    let text = pipeline.azud(&["status"]).text;
    let digest = &azud_sandbox::digest(&good(2))[..12];
    let (_, beside) = text.split_once(&format!(", shadow {digest}: ")).unwrap();
    let (counts, _) = beside.split_once(" rows differ").unwrap();
    let (differ, rows) = counts.split_once(" of ").unwrap();
    assert_eq!(differ, rows, "{text}");

    // What fails costs the pipeline nothing.
    for (how, told) in [
        ("loops", "longer than 1s"),
        ("panics", "trapped"),
        ("short", "wrong"),
    ] {
        // Longer than a call that loops.
        let found = shadow_for(&pipeline, &bad("process", how), "4s");
        assert!(found["failed"].as_u64() > Some(0), "{found}");
        let examples = found["examples"].as_array().unwrap();
        let mut said = examples
            .iter()
            .map(|example| example["now"].as_str().unwrap());
        assert!(said.any(|now| now.contains(told)), "{found}");
        // The row that does it, unless each try would take a second.
        for example in examples.iter().filter(|of| of["failed"] == true) {
            let [row, before] = ["row", "before"].map(|key| example[key].as_str().unwrap());
            match how {
                "loops" => assert_eq!((row, before), ("", ""), "{found}"),
                _ if row.is_empty() => {}
                _ => {
                    assert!(row.starts_with("n: 7, id: "), "{found}");
                    assert_eq!(before, format!("{row}, said: v1"), "{found}");
                }
            }
        }
        let has_row = |of: &Value| of["failed"] == true && of["row"] != "";
        assert_eq!(examples.iter().any(has_row), how != "loops", "{found}");
    }
    let asked = ask(&pipeline, "--forget");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let asked = pipeline.azud(&["status", "--json"]);
    let status: Value = serde_json::from_str(&asked.text).unwrap();
    assert_eq!(status["shadows"], serde_json::json!([]));
    let asked = ask(&pipeline, "--promote");
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(asked.text.contains("nothing runs beside"), "{}", asked.text);

    shadow(&pipeline, &good(3));
    let asked = ask(&pipeline, "--promote");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let refused = pipeline.reload_with("evil", &bad("open", "other-types"), &["--shadow", "1s"]);
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), ["v1", "v3"]);
}

/// Its rows are not among those that are compared, and its time and memory say nothing.
#[test]
fn of_what_always_fails_nothing_is_compared() {
    let manifest = MANIFEST.replace(
        "transforms:\n  evil: { from: numbers, plugin: evil }",
        "transforms:\n  sevens: { sql: 'SELECT CAST(7 AS BIGINT) AS n, id FROM numbers' }\n  \
         evil: { from: sevens, plugin: evil }",
    );
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let panics = bad("process", "panics");
    let asked = pipeline.reload_with("evil", &panics, &["--shadow", "4s", "--json"]);
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    let told = "nothing was compared: the new version failed in each call";
    assert!(asked.text.contains(told), "{}", asked.text);
    let found = json(&asked);
    let [failed, rows] = ["failed", "failed_rows"].map(|key| found[key].as_u64().unwrap());
    assert!(failed > 0 && rows >= failed, "{found}");
    for key in ["calls", "rows", "differ", "failed_before"] {
        assert_eq!(found[key], 0, "{key}: {found}");
    }
    for key in ["micros", "memory"] {
        assert_eq!(found[key], serde_json::json!([0, 0]), "{key}: {found}");
    }
    let asked = pipeline.azud(&["status"]);
    let digest = &azud_sandbox::digest(&panics)[..12];
    let (_, beside) = asked
        .text
        .split_once(&format!("shadow {digest}: "))
        .unwrap();
    let beside = beside.lines().next().unwrap();
    assert!(beside.starts_with("0 of 0 rows differ; "), "{beside}");
    assert!(
        beside.ends_with(" failed with the new version only"),
        "{beside}"
    );
    let asked = ask(&pipeline, "--forget");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    assert!(
        asked.text.starts_with("evil: 0 of 0 rows differ; "),
        "{}",
        asked.text
    );
    assert!(!asked.text.contains("\ntime "), "{}", asked.text);
    pipeline.drain();
}

/// Whoever ends the command is told before that it does not end the shadow.
#[test]
fn it_stays_where_the_command_is_ended() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    folder.write("beside.wasm", &good(2));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let mut waits = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["reload", "evil", "--shadow", "1h", "--at"])
        .arg(pipeline.address())
        .arg(folder.path("beside.wasm"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut stderr = BufReader::new(waits.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    assert_eq!(
        told,
        "both versions of `evil` are given the same rows; also where this command is ended \
         (Ctrl-C), the new one stays beside the old one until `azud reload evil --promote` or \
         `--forget`\n"
    );
    signal(&waits, "TERM");
    assert!(!waits.wait().unwrap().success());
    let asked = ask(&pipeline, "--forget");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
}

/// It was compared with the version before. Whoever waits for it is told at once.
#[test]
fn a_swap_or_a_change_ends_it() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    folder.write("beside.wasm", &good(2));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let path = folder.path("beside.wasm");
    let path = path.to_str().unwrap();
    let ended = |how: &dyn Fn() -> Asked, told: &str| {
        let begun = pipeline.told().len();
        thread::scope(|scope| {
            let waits = || pipeline.azud(&["reload", "evil", path, "--shadow", "1h"]);
            let waits = scope.spawn(waits);
            let began = || pipeline.azud(&["status"]).text.contains(", shadow ");
            while !began() {
                assert!(!waits.is_finished(), "it does not wait");
            }
            let asked = how();
            let waited = waits.join().unwrap();
            assert_eq!(waited.code, Some(1), "{}", waited.text);
            let whole = format!("what did has ended, {told}");
            assert!(waited.text.contains(&whole), "{}", waited.text);
            let lines = pipeline.told();
            let line = format!("what ran beside its plugin has ended: {told}");
            let mut lines = lines[begun..].iter();
            assert!(lines.any(|of| of.contains(&line)), "{line}");
            asked
        })
    };
    let digest = |component: &[u8]| azud_sandbox::digest(component)[..12].to_owned();

    let swap = || pipeline.reload("evil", &good(3));
    let told = format!("sha256 {} takes over with epoch ", digest(&good(3)));
    let asked = ended(&swap, &told);
    assert_eq!(asked.code, Some(0), "{}", asked.text);

    // Also one that is taken back.
    let bad = bad("later", "panics");
    let told = format!("sha256 {} takes over with epoch ", digest(&bad));
    let asked = ended(&|| pipeline.reload("evil", &bad), &told);
    assert_eq!(asked.code, Some(1), "{}", asked.text);

    // Its own promotion tells whoever waits, too.
    let told = format!("sha256 {} takes over with epoch ", digest(&good(2)));
    let asked = ended(&|| ask(&pipeline, "--promote"), &told);
    assert_eq!(asked.code, Some(0), "{}", asked.text);

    let forget = || ask(&pipeline, "--forget");
    let asked = ended(&forget, "it was forgotten");
    assert_eq!(asked.code, Some(0), "{}", asked.text);

    let changed = MANIFEST.replace("deadline: 1s", "deadline: 2s");
    let change = || apply(&pipeline, &folder, &changed, &[]);
    let asked = ended(&change, "another manifest takes over");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    assert_exact(&by_epoch(&folder.path("out")));
}

/// What is compared: rows, and what is known of keys then.
#[test]
fn of_a_plugin_with_state() {
    let manifest = MANIFEST.replace(
        "id: { type: bigint, sequence: true }",
        "k: { type: bigint, sequence: true, max: 9 }",
    );
    let folder = Folder::new(&manifest.replace("plugin: evil }", "plugin: evil, key: [k] }"));
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let same = crate::components::renamed(&folder.path("first.wasm"), "same");
    let found = shadow(&pipeline, &same);
    assert!(found["rows"].as_u64() > Some(500), "{found}");
    assert_eq!(found["differ"], 0, "{found}");
    assert_eq!(found["failed"], 0, "{found}");
    let found = shadow(&pipeline, &good(2));
    assert!(found["differ"].as_u64() > Some(500), "{found}");
    let examples = found["examples"].as_array().unwrap();
    let of_row = |example: &&Value| example["row"] == "a row that it gives";
    let example = examples.iter().find(of_row).unwrap();
    let before = example["before"].as_str().unwrap();
    let now = example["now"].as_str().unwrap();
    assert_eq!(now, before.replace("v1", "v2"), "{found}");
    let found = shadow(&pipeline, &bad("process", "panics"));
    assert!(found["failed"].as_u64() > Some(0), "{found}");
    pipeline.drain();
}

#[test]
fn of_an_aggregate() {
    let manifest = MANIFEST.replace(
        "evil: { from: numbers, plugin: evil }",
        "evil: { sql: 'SELECT n, evil(n) AS total FROM numbers GROUP BY n' }",
    );
    let manifest = manifest.replace(
        "file: { path: ./out }, format: json }",
        "file: { path: ./out, layout: batches }, format: json, mode: update }",
    );
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    pipeline.wait_for_an_epoch();
    let found = shadow(&pipeline, &good(2));
    assert!(found["rows"].as_u64() > Some(500), "{found}");
    assert_eq!(found["differ"], 0, "{found}");
    for (place, row) in [("update", ": 7"), ("finish", "the result of sum: ")] {
        let found = shadow(&pipeline, &bad(place, "panics"));
        assert!(found["failed"].as_u64() > Some(0), "{found}");
        let examples = found["examples"].as_array().unwrap();
        let mut rows = examples.iter().map(|of| of["row"].as_str().unwrap());
        assert!(rows.any(|of| of.contains(row)), "{found}");
    }
    let asked = ask(&pipeline, "--forget");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
}

/// Its calls have an effect.
#[test]
fn not_of_a_sink() {
    let component = crate::components::built("plugins/http-post");
    let manifest = MANIFEST.replace(
        "  out: { from: evil, file: { path: ./out }, format: json }",
        "  out: { from: evil, plugin: post, config: { url: 'http://127.0.0.1:9/' } }",
    );
    let manifest =
        format!("{manifest}  post: {{ path: ./post.wasm, grants: {{ http: ['127.0.0.1:9'] }} }}\n");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    folder.write("post.wasm", &std::fs::read(&component).unwrap());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let other = crate::components::renamed(&component, "v2");
    let asked = pipeline.reload_with("out", &other, &["--shadow", "1s"]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("a sink has no shadow"),
        "{}",
        asked.text
    );
}
