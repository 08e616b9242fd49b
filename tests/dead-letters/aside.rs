//! Replays that do not come to what was asked for: what was given is known, whatever comes next.

use crate::components::good;
use crate::poison::{
    MANIFEST, assert_once, counts, delivered, folder, json, letters, lines, spread, wait_for_rows,
    write_rows,
};

/// Two sinks have each letter: it is one.
#[test]
fn a_letter_that_two_sinks_have_is_replayed_once() {
    let manifest = MANIFEST.replace("dead_letters: rejects\n", "");
    let manifest = manifest.replace(
        "  rejects: { file",
        "  also: { from: [evil.rejected, numbers.rejected], file: { path: ./also }, format: json }\n  \
         rejects: { from: evil.rejected, file",
    );
    let poison = spread(5, 300);
    let folder = folder(&manifest, 300, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 5);
    wait_for_rows(&folder, "also", 5);
    wait_for_rows(&folder, "out", 295);
    pipeline.drain();
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 5, "{}", asked.text);
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 0, "{}", asked.text);
    pipeline.drain();
    assert_once(&folder, 300, &poison, "v1");
}

/// A crash when the first of two epochs has recorded its rows, and a start with a node that the
/// others do not fit: with the manifest of before these are replayed, and the first ones are not again.
#[test]
fn what_another_manifest_refuses_can_be_replayed_and_nothing_else() {
    let (rows, all, first_epoch) = (5_200, 5_000, 4_096);
    let poison = spread(all, rows);
    let folder = folder(MANIFEST, rows, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", poison.len());
    wait_for_rows(&folder, "out", 200);
    pipeline.drain();
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "after-record-of-replay:1")]);
    pipeline.wait_for("goes on after epoch");
    letters(&folder, "replay", &["--at", &pipeline.address()]);
    pipeline.ended(None);

    let other = MANIFEST.replace(
        "  evil: { from: numbers",
        "  other: { sql: \"SELECT n, DATE '2026-01-01' AS id, word FROM numbers\" }\n  \
         evil: { from: other",
    );
    folder.write("pipeline.yaml", other.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("cannot be replayed");
    pipeline.wait_for("dead letters are replayed with epoch");
    pipeline.drain();
    assert_eq!(counts(&folder), (all, first_epoch));

    folder.write("pipeline.yaml", MANIFEST.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    let answer = json(&asked);
    assert_eq!(answer["rows"], all - first_epoch, "{answer}");
    assert_eq!(answer["left_out"], first_epoch, "{answer}");
    pipeline.drain();
    assert_once(&folder, rows, &poison, "v1");
    assert_eq!(counts(&folder), (all, all));
}

/// Below the node that takes them a query fails on what comes of them, and nobody reads its rejected
/// rows: the pipeline goes on without them, as it did before.
#[test]
fn what_a_pipeline_would_stop_over_is_put_aside() {
    let manifest = MANIFEST.replace("dead_letters: rejects\n", "");
    let manifest = manifest.replace(
        "  rejects: { file",
        "  rejects: { from: evil.rejected, file",
    );
    let manifest = manifest.replace(
        "sinks:\n",
        "  share: { sql: 'SELECT 14 / (count(*) - 400) AS share FROM evil' }\nsinks:\n  \
         shares: { from: share, file: { path: ./shares }, format: json, mode: complete }\n",
    );
    let poison = spread(4, 400);
    let folder = folder(&manifest, 400, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 4);
    wait_for_rows(&folder, "out", 396);
    pipeline.drain();
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_ne!(asked.code, Some(0), "{}", asked.text);
    assert!(asked.text.contains("divi"), "{}", asked.text);
    assert_eq!(counts(&folder), (4, 0));
    write_rows(&folder, "in/more.json", 400..410, &[].into());
    wait_for_rows(&folder, "out", 406);
    // One more or less, and it is well.
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 4, "{}", asked.text);
    pipeline.drain();
    let delivered = delivered(&folder, "out");
    assert_eq!(delivered.len(), 410);
    assert!(delivered.values().all(|(count, _)| *count == 1));
    assert_eq!(lines(&folder, "shares").len(), 1);
    assert_eq!(counts(&folder), (4, 4));
}
