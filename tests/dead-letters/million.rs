//! The figure: 37 poison records in a million.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::all;
use crate::components::{bad, good};
use crate::poison::{
    MANIFEST, PATIENCE, assert_once, counts, delivered, folder, json, letters, lines, spread,
    wait_for_rows,
};

#[test]
fn exactly_the_37_are_dead_letters_and_a_mended_plugin_gets_exactly_these_once() {
    let rows = if all() { 1_000_000 } else { 100_000 };
    let poison = spread(37, rows);
    assert_eq!(poison.len(), 37);
    let folder = folder(MANIFEST, rows, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "out", rows as usize - 37);
    wait_for_rows(&folder, "rejects", 37);

    // Each has all that is known of it.
    let digest = azud_sandbox::digest(&bad("process", "fails"));
    let shown = letters(
        &folder,
        "show",
        &["--json", "--limit", "1000", "--node", "evil"],
    );
    let shown: Vec<Value> = shown
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: BTreeSet<u64> = shown
        .iter()
        .map(|letter| {
            let row: Value = serde_json::from_str(letter["text"].as_str().unwrap()).unwrap();
            let id = row["id"].as_u64().unwrap();
            assert_eq!(row["n"], 7);
            assert!(
                row.as_object().unwrap().contains_key("word"),
                "also null: {row}"
            );
            assert_eq!(letter["node"], "evil");
            assert_eq!(letter["source"], "numbers");
            assert_eq!(letter["partition"], "./in/rows.json");
            // Lines count from 1.
            assert_eq!(letter["position"], (id + 1).to_string());
            assert_eq!(letter["attempt"], 1);
            assert_eq!(letter["plugin"], digest.as_str());
            assert_eq!(letter["replayed"], false);
            assert!(
                letter["epoch"].is_u64() && letter["reason"].as_str().unwrap().contains("luck")
            );
            id
        })
        .collect();
    assert_eq!(found, poison);
    assert_eq!(counts(&folder), (37, 0));

    // With the plugin as it is they are rejected again, and are dead letters of a second attempt.
    let one = shown[0]["id"].as_str().unwrap();
    let at = pipeline.address();
    let replayed = letters(&folder, "replay", &["--id", one, "--json", "--at", &at]);
    assert_eq!(json(&replayed)["rows"], 1);
    wait_for_rows(&folder, "rejects", 38);
    let again = lines(&folder, "rejects");
    let again = again.iter().filter(|letter| letter["attempt"] == 2);
    let again: Vec<&Value> = again.collect();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["position"], shown[0]["position"]);
    assert_eq!(again[0]["value"], shown[0]["value"]);
    assert_eq!(counts(&folder), (38, 1));

    // A mended version: those that are left, the second attempt among them.
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let replayed = letters(&folder, "replay", &["--json", "--at", &at]);
    println!("replayed in {:?}", replayed.took);
    let told = json(&replayed);
    assert_eq!((&told["rows"], &told["left_out"]), (&37.into(), &1.into()));
    // It is committed when that is answered.
    assert_eq!(delivered(&folder, "out").len() as u64, rows);
    assert_once(&folder, rows, &poison, "v2");
    assert_eq!(counts(&folder), (38, 38));

    let nothing = json(&letters(&folder, "replay", &["--json", "--at", &at]));
    assert_eq!(
        (&nothing["rows"], &nothing["left_out"]),
        (&0.into(), &38.into())
    );
    let told = pipeline.drain();
    assert!(
        told.iter()
            .any(|line| line.contains("37 dead letters are replayed")),
        "{told:#?}"
    );
    assert_once(&folder, rows, &poison, "v2");
    assert_eq!(counts(&folder), (38, 38));
}

/// How many calls the plugin needs for rows of which some are poison, and how many fail.
fn calls(rows: u64, poison: &BTreeSet<u64>) -> (u64, u64) {
    // The only cuts are those of the file: an epoch that ends would cut it in other places.
    let manifest = MANIFEST.replace("every: 200ms", "every: 1h");
    let folder = folder(&manifest, rows, poison);
    let pipeline = folder.run(&[], &[]);
    let began = Instant::now();
    loop {
        let asked = pipeline.azud(&["status", "--json"]);
        let status: Value = serde_json::from_str(&asked.text).unwrap_or_default();
        let nodes = status["nodes"].as_array().into_iter().flatten();
        let evil = nodes.into_iter().find(|node| node["name"] == "evil");
        let evil = evil.cloned().unwrap_or_default();
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        // Also those of the call that is made now.
        let done = &evil["under_way"];
        if count(&done["rows_out"]) + count(&done["rejected"]) == rows {
            assert_eq!(count(&done["rejected"]), poison.len() as u64);
            let calls = &evil["calls"];
            return (count(&calls["calls"]), count(&calls["failures"]));
        }
        assert!(began.elapsed() < PATIENCE, "{}", asked.text);
        thread::sleep(Duration::from_millis(50));
    }
}

/// `2 log2(batch)` calls a poison record, besides those that there are without it.
#[test]
fn a_poison_record_costs_two_calls_a_halving() {
    let rows = 100_000;
    let (without, failures) = calls(rows, &BTreeSet::new());
    assert_eq!(failures, 0);
    let poison = spread(37, rows);
    let (with, failures) = calls(rows, &poison);
    // The largest batch may be larger than they are on the whole.
    let halvings = u64::from((2 * rows / without).ilog2()) + 1;
    println!(
        "{rows} rows: {without} calls; with 37 poison records {with}, of which {failures} fail: {:.1} \
         more a record, of at most {}",
        (with - without) as f64 / 37.0,
        2 * halvings
    );
    assert!(with > without && failures >= 37);
    assert!(with - without <= 37 * 2 * halvings);
}
