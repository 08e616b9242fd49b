//! `kill -9`, at named points and at any time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::data::{Row, files};
use crate::process::{finish, log, start, wait};
use crate::seeds;
use crate::verdict::{Verdict, counted, counts, table};

/// Where a run can be killed, and how often it comes there in these pipelines at least.
const POINTS: [(&str, u64); 10] = [
    ("after-fetch", 20),
    ("after-sink-write", 8),
    ("before-record", 8),
    ("after-record", 8),
    ("before-commit", 20),
    ("in-commit", 20),
    ("after-rename", 12),
    ("after-commit", 8),
    ("in-merge", 1),
    ("after-merge", 1),
];

/// Files in; rows, rolling files and two aggregates out.
fn manifest(parallelism: u64) -> String {
    format!(
        r#"
name: killed
trigger: once
parallelism: {parallelism}
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_rows: 1000 }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }}
transforms:
  even: {{ sql: "SELECT * FROM rows WHERE sequence % 2 = 0" }}
  sums: {{ sql: "SELECT key, count(*) AS n, sum(sequence) AS s FROM rows GROUP BY key" }}
sinks:
  all: {{ from: rows, file: {{ path: ./all }}, format: json }}
  some: {{ from: even, file: {{ path: ./some, layout: rolling, roll: {{ size: 40KiB, every: 1m }} }}, format: json }}
  counted: {{ from: sums, file: {{ path: ./counted }}, format: json, mode: complete }}
"#
    )
}

/// A folder with a manifest and its files; the rows that must come out.
fn folder(seed: u64) -> (tempfile::TempDir, Vec<Row>) {
    let folder = tempfile::tempdir().unwrap();
    let rows = files(&folder.path().join("in"), seed, 3, 8_000);
    std::fs::write(folder.path().join("p.yaml"), manifest(1 + seed % 2)).unwrap();
    (folder, rows)
}

fn verdict(folder: &Path, rows: &[Row], what: &str) {
    let even: Vec<Row> = rows
        .iter()
        .filter(|row| row.sequence % 2 == 0)
        .cloned()
        .collect();
    for (path, expected) in [("all", rows), ("some", &even)] {
        let verdict = Verdict::of(expected, &table(&folder.join(path)));
        assert!(
            verdict.is_good(),
            "{what}: `{path}`: {verdict}\n{}",
            log(folder)
        );
    }
    let found = counted(&folder.join("counted"));
    assert!(
        found == counts(rows),
        "{what}: the counts are wrong\n{}",
        log(folder)
    );
}

/// The same seed comes to the same point with the same rows behind it.
#[test]
fn at_named_points() {
    let mut killed: BTreeMap<&str, u32> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    for seed in seeds(100) {
        let (folder, rows) = folder(seed);
        let (point, often) = POINTS[usize::try_from(seed).unwrap() % POINTS.len()];
        let times = 1 + seed / POINTS.len() as u64 * 7 % often;
        let kill_at = format!("{point}:{times}");
        let what = format!("seed {seed}, killed at {kill_at}");
        let status = wait(
            &mut start(folder.path(), Some(&kill_at), &[]),
            folder.path(),
        );
        // A merge that the run did not wait for is one that it did not come to.
        let came = !status.success();
        assert!(came || point.contains("merge"), "{what}: {status}");
        *killed.entry(point).or_default() += u32::from(came);
        // The second run may do it with other lanes.
        std::fs::write(folder.path().join("p.yaml"), manifest(1 + seed / 3 % 3)).unwrap();
        let started = Instant::now();
        finish(folder.path(), &[]);
        longest = longest.max(started.elapsed());
        verdict(folder.path(), &rows, &what);
    }
    println!("killed at {killed:?}: 0 missing, 0 doubled, 0 corrupt, 0 reordered");
    // With all seeds some merge is under way when it is asked for.
    let merges = killed.get("in-merge").zip(killed.get("after-merge"));
    let all = killed.values().sum::<u32>() > 50;
    assert!(
        !all || merges.is_some_and(|(within, after)| within + after > 0),
        "{killed:?}"
    );
    println!("the longest run after a kill took {longest:?}");
}

/// Killed again and again, until it is done.
#[test]
fn at_any_time() {
    let mut kills = 0;
    for seed in seeds(100) {
        let (folder, rows) = folder(1_000 + seed);
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let what = format!("seed {seed}, killed at any time");
        // Each run is given longer: it comes further, and ends at last.
        for attempt in 0..200 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let life = Duration::from_micros(20_000 + random % 150_000 + attempt * 5_000);
            let mut child = start(folder.path(), None, &[]);
            std::thread::sleep(life);
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{what}: {status}: {}", log(folder.path()));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        finish(folder.path(), &[]);
        verdict(folder.path(), &rows, &what);
    }
    println!("{kills} kills: 0 missing, 0 doubled, 0 corrupt, 0 reordered");
}
