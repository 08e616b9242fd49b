//! Dead letters that somebody has edited, of another manifest, or that nobody can read.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::components::good;
use crate::pipeline::Folder;
use crate::poison::{
    MANIFEST, assert_once, counts, delivered, folder, json, letters, spread, wait_for_rows,
};

/// A pipeline that has had so many rows, three of them poison, and has ended.
fn ended() -> (Folder, BTreeSet<u64>) {
    let poison = spread(3, 500);
    let folder = folder(MANIFEST, 500, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 3);
    wait_for_rows(&folder, "out", 497);
    pipeline.drain();
    (folder, poison)
}

fn letter(node: &str, value: &str) -> Value {
    json!({
        "value": value, "source": "numbers", "partition": "p", "position": "1", "node": node,
        "reason": "a\u{1b}[31mreason\nof two lines", "epoch": 1, "attempt": 1
    })
}

#[test]
fn what_was_edited_is_told_with_its_place_and_costs_the_others_nothing() {
    let (folder, poison) = ended();
    // `{"n":1,"id":1}` without the column `word`, and values that are no rows of the node.
    let lacks = letter("evil", "eyJuIjoxLCJpZCI6MX0=");
    let is_list = letter("evil", "W10=");
    // `{"n":"x","id":1,"word":null}`
    let misfit = letter("evil", "eyJuIjoieCIsImlkIjoxLCJ3b3JkIjpudWxsfQ==");
    let unknown = letter("nobody", "e30=");
    let no_value = json!({ "node": "evil", "reason": "r", "epoch": 1 });
    let position = {
        let mut letter = letter("evil", "eyJuIjoxLCJpZCI6MSwid29yZCI6bnVsbH0=");
        letter["position"] = json!("-7");
        letter
    };
    let lines = [
        lacks.to_string(),
        is_list.to_string(),
        misfit.to_string(),
        unknown.to_string(),
        no_value.to_string(),
        position.to_string(),
        // None of these is a dead letter.
        "{}".to_owned(),
        "no json".to_owned(),
        r#"{"value":"!","node":"evil"}"#.to_owned(),
        r#"{"value":"e30=","node":"ev"#.to_owned(),
    ];
    folder.write("rejects/part-edited.json", lines.join("\n").as_bytes());
    let shown = letters(&folder, "ls", &[]);
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    for line in 7..=10 {
        let place = format!("rejects/part-edited.json, line {line}: no dead letter");
        assert!(shown.text.contains(&place), "{place}: {}", shown.text);
    }
    assert!(!shown.text.contains('\u{1b}'), "{}", shown.text);

    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    for told in [
        "3 replayed with epoch",
        "6 cannot be replayed:",
        "its columns are id, n, and those of the node are n bigint, id bigint, word string now",
        "its value is no row in JSON",
        "its value does not fit the node now: ",
        "the manifest has no node `nobody` any more",
        "its position `-7` is no number",
    ] {
        assert!(asked.text.contains(told), "{told}: {}", asked.text);
    }
    // Those that were refused are not marked: they can be asked for again, and are refused again.
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(asked.text.contains("3 left out"), "{}", asked.text);
    pipeline.drain();
    assert_once(&folder, 500, &poison, "v1");
}

#[test]
fn rows_of_another_manifest_are_refused_or_wait_where_they_are() {
    let (folder, poison) = ended();
    folder.write("first.wasm", &good(1));
    let other = MANIFEST.replace("word: string }", "word: string, more: double }");
    folder.write("pipeline.yaml", other.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("its columns are id, n, word"),
        "{}",
        asked.text
    );
    pipeline.drain();
    assert_eq!(counts(&folder), (3, 0));

    // Kept under one manifest, and killed before they were given: the next one cannot take them.
    folder.write("pipeline.yaml", MANIFEST.as_bytes());
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "after-replay-is-kept")]);
    pipeline.wait_for("goes on after epoch");
    letters(&folder, "replay", &["--at", &pipeline.address()]);
    pipeline.ended(None);
    folder.write("pipeline.yaml", other.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("0 dead letters are replayed");
    // Who asks again is told why, and not that they were replayed.
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("3 cannot be replayed"),
        "{}",
        asked.text
    );
    let told = pipeline.drain();
    let cannot = told
        .iter()
        .filter(|line| line.contains("cannot be replayed: its columns are"));
    assert!(cannot.count() >= 3, "{told:#?}");
    assert_eq!(counts(&folder), (3, 0), "they are not marked");

    folder.write("pipeline.yaml", MANIFEST.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address(), "--json"]);
    assert_eq!(json(&asked)["rows"], 3);
    pipeline.drain();
    assert_once(&folder, 500, &poison, "v1");
}

/// Files of the checkpoint that are damaged are told with their place, and nothing starts over them.
#[test]
fn a_damaged_request_is_told_and_can_be_removed() {
    let (folder, _) = ended();
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "after-replay-is-kept")]);
    pipeline.wait_for("goes on after epoch");
    letters(&folder, "replay", &["--at", &pipeline.address()]);
    pipeline.ended(None);
    let file = "state/replays/00000000000000000001.rows";
    let whole = fs::read(folder.path(file)).unwrap();
    fs::write(folder.path(file), &whole[..whole.len() / 2]).unwrap();
    let told = folder.run(&[], &[]).ended(Some(1)).join("\n");
    assert!(
        told.contains("00000000000000000001.rows`: it is cut off at byte"),
        "{told}"
    );
    fs::remove_file(folder.path(file)).unwrap();
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address(), "--json"]);
    assert_eq!(json(&asked)["rows"], 3);
    pipeline.drain();
    assert_eq!(delivered(&folder, "out").len(), 500);
}

#[test]
fn what_cannot_be_said_says_what_to_do() {
    let (folder, _) = ended();
    let refused = |manifest: &str, verb: &str, more: &[&str], told: &str| {
        folder.write("pipeline.yaml", manifest.as_bytes());
        let asked = letters(&folder, verb, more);
        assert!(
            asked.code != Some(0) && asked.text.contains(told),
            "{told}: {}",
            asked.text
        );
        asked.code
    };
    let nobody = MANIFEST.replace("dead_letters: rejects\n", "");
    let nobody = nobody.replace(
        "  rejects: { file: { path: ./rejects }, format: json }\n",
        "",
    );
    let console = MANIFEST.replace("file: { path: ./rejects }, format: json", "console: {}");
    let plugin = MANIFEST.replace("file: { path: ./rejects }, format: json", "plugin: evil");
    let bucket = MANIFEST.replace("./rejects }", "'s3://bucket/rejects' }");
    assert_eq!(
        refused(&nobody, "ls", &[], "write `dead_letters: NAME`"),
        Some(2)
    );
    assert_eq!(
        refused(&console, "ls", &[], "a sink `file` on a local disk"),
        Some(2)
    );
    assert_eq!(
        refused(&plugin, "show", &[], "the plugin `evil` has them"),
        Some(2)
    );
    assert_eq!(refused(&bucket, "ls", &[], "not read back"), Some(2));
    assert_eq!(
        refused(
            MANIFEST,
            "show",
            &["0123"],
            "no dead letter has the id 0123"
        ),
        Some(2)
    );
    let alone = ["--at", "127.0.0.1:1"];
    assert_eq!(
        refused(MANIFEST, "replay", &alone, "start it with `azud run"),
        Some(1)
    );
    let plugin = ["--plugin", "x.wasm", "--node", "evil"];
    assert_eq!(
        refused(MANIFEST, "replay", &plugin, "azud reload evil"),
        Some(2)
    );
    assert_eq!(counts(&folder), (3, 0));

    let without = MANIFEST.replace("checkpoint: { to: ./state, every: 200ms }\n", "");
    let without = without
        .replace("./out }", "./other }")
        .replace("./rejects }", "./left }");
    folder.write("pipeline.yaml", without.as_bytes());
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "left", 3);
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("write `checkpoint: { to: ./state }`"),
        "{}",
        asked.text
    );
    pipeline.drain();
}

/// Another manifest takes over while it runs: rows are held against the one that runs.
#[test]
fn rows_are_held_against_the_manifest_that_has_taken_over() {
    let poison = spread(3, 500);
    let folder = folder(MANIFEST, 500, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 3);
    folder.write("good.wasm", &good(4));
    let apply = |manifest: &str| {
        folder.write("pipeline.yaml", manifest.as_bytes());
        let path = folder.path("pipeline.yaml");
        let asked = pipeline.azud(&["apply", path.to_str().unwrap()]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
    };
    apply(&MANIFEST.replace("word: string }", "word: string, more: double }"));
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(asked.text.contains("more double now"), "{}", asked.text);
    // A step before the plugin, and the plugin mended: all in one change.
    let mended = MANIFEST.replace("first.wasm", "good.wasm");
    apply(&mended.replace(
        "  evil: { from: numbers",
        "  same: { sql: 'SELECT n, id, word FROM numbers' }\n  evil: { from: same",
    ));
    let asked = letters(&folder, "replay", &["--at", &pipeline.address(), "--json"]);
    assert_eq!(json(&asked)["rows"], 3, "{}", asked.text);
    pipeline.drain();
    assert_once(&folder, 500, &poison, "v4");
    assert_eq!(counts(&folder), (3, 3));
}
