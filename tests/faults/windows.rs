//! Windows, sessions, joins, duplicates and a plugin with state over a kill: what is closed is
//! closed once, what is late stays late, what waits for its match is there, and no timer comes
//! twice.

use std::fmt::Write as _;
use std::path::Path;

use crate::process::{finish, log, start, wait};
use crate::seeds;
use crate::verdict::files;

const TABLES: [&str; 8] = [
    "tumbling", "sliding", "again", "sessions", "joined", "distinct", "visits", "late",
];

/// So little that some rows are late.
const DELAY: &str = "500ms";

const POINTS: [&str; 6] = [
    "before-record",
    "after-record",
    "in-commit",
    "after-commit",
    "in-merge",
    "after-merge",
];

/// Where an epoch ends depends on the rows only: 200 of one file.
fn manifest(parallelism: u64, at_end: &str, delay: &str) -> String {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/visits");
    let visits = azud_build::build(&guest, None).unwrap();
    let visits = visits.display();
    format!(
        r#"
name: windows
trigger: once
at_end: {at_end}
parallelism: {parallelism}
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_rows: 200 }}
    format: json
    schema: {{ k: string, x: bigint, ts: timestamp }}
    time: {{ column: ts, delay: {delay} }}
transforms:
  tumbling: {{ sql: "SELECT window.start AS start, k, count(*) AS n, sum(x) AS s FROM rows GROUP BY window(ts, '5 seconds'), k" }}
  sliding: {{ sql: "SELECT window.start AS start, k, count(*) AS n, max(x) AS m FROM rows GROUP BY window(ts, '6 seconds', '4 seconds'), k" }}
  again: {{ sql: "SELECT window.end AS until, max(n) AS most FROM (SELECT window, k, count(*) AS n FROM rows GROUP BY window(ts, '5 seconds'), k) GROUP BY window(window, '20 seconds')" }}
  sessions: {{ sql: "SELECT session_window.start AS start, session_window.end AS end, k, count(*) AS n, max(x) AS m FROM rows GROUP BY session_window(ts, CASE WHEN k < '4' THEN '300 milliseconds' ELSE '50 milliseconds' END), k" }}
  joined: {{ sql: "SELECT a.k, a.x AS ax, b.x AS bx FROM rows a LEFT JOIN rows b ON a.k = b.k AND b.ts > a.ts AND b.ts <= a.ts + INTERVAL '80' MILLISECOND" }}
  keyed: {{ sql: "SELECT k, x % 200 AS m, x, ts FROM rows" }}
  visits: {{ from: rows, plugin: visits, key: [k] }}
  distinct: {{ sql: "SELECT k, m, x FROM dropDuplicatesWithinWatermark(keyed, k, m)" }}
sinks:
  tumbling_out: {{ from: tumbling, file: {{ path: ./tumbling }}, format: json }}
  sliding_out: {{ from: sliding, file: {{ path: ./sliding }}, format: json }}
  again_out: {{ from: again, file: {{ path: ./again }}, format: json }}
  sessions_out: {{ from: sessions, file: {{ path: ./sessions }}, format: json }}
  joined_out: {{ from: joined, file: {{ path: ./joined }}, format: json }}
  distinct_out: {{ from: distinct, file: {{ path: ./distinct }}, format: json }}
  visits_out: {{ from: visits, file: {{ path: ./visits }}, format: json }}
  late: {{ from: tumbling.late, file: {{ path: ./late }}, format: json }}
plugins:
  visits: {{ path: "{visits}" }}
"#
    )
}

/// Times go on by 10 ms a row, and rows are up to 9 s behind.
fn rows(seed: u64, count: u64) -> String {
    let mut text = String::new();
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for row in 0..count {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let ts = 1_767_225_600_000 + row * 10 - random % 9_000;
        let key = random >> 32 & 7;
        let _ = writeln!(text, r#"{{"k":"{key}","x":{row},"ts":{ts}}}"#);
    }
    text
}

fn folder(seed: u64, at_end: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/rows.json"), rows(seed, 6_000)).unwrap();
    std::fs::write(folder.path().join("p.yaml"), manifest(1, at_end, DELAY)).unwrap();
    folder
}

/// All rows of a table, sorted.
fn lines(folder: &Path, table: &str) -> Vec<String> {
    let files = files(&folder.join(table));
    let text = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let mut lines: Vec<String> = text
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines
}

fn same(folder: &Path, other: &Path, tables: &[&str], what: &str) {
    for table in tables {
        let (found, expected) = (lines(folder, table), lines(other, table));
        assert!(!expected.is_empty(), "{table}");
        assert!(
            found == expected,
            "{what}: `{table}` has {} rows instead of {}, or others\n{}",
            found.len(),
            expected.len(),
            log(folder)
        );
    }
}

#[test]
fn a_kill_closes_no_window_twice_and_none_too_early() {
    let mut kills = 0;
    for seed in seeds(60) {
        let at_end = ["close", "keep"][usize::try_from(seed % 2).unwrap()];
        let whole = folder(seed, at_end);
        finish(whole.path(), &[]);
        let killed = folder(seed, at_end);
        for attempt in 0..3 {
            let point = POINTS[usize::try_from((seed + attempt) % 6).unwrap()];
            let kill_at = format!("{point}:{}", 1 + (seed * 7 + attempt * 3) % 9);
            let mut child = start(killed.path(), Some(&kill_at), &[]);
            kills += u32::from(!wait(&mut child, killed.path()).success());
            // The next run may do it with other lanes.
            let next = manifest(1 + (seed + attempt) % 3, at_end, DELAY);
            std::fs::write(killed.path().join("p.yaml"), next).unwrap();
        }
        finish(killed.path(), &[]);
        let what = format!("seed {seed}, `at_end: {at_end}`");
        same(killed.path(), whole.path(), &TABLES, &what);
    }
    println!("{kills} kills over windows: no row is missing, doubled or another");
}

/// With `at_end: keep` runs one after the other are as one, but that each ends with an epoch
/// that closes what its last rows allow: with a longer delay that makes no row late.
#[test]
fn what_is_open_at_the_end_goes_on_in_the_next_run() {
    let all = rows(7, 6_000);
    let folders = [folder(7, "keep"), folder(7, "keep")];
    let [whole, parts] = folders.each_ref().map(tempfile::TempDir::path);
    for folder in [whole, parts] {
        std::fs::remove_file(folder.join("in/rows.json")).unwrap();
        std::fs::write(folder.join("p.yaml"), manifest(2, "keep", "20s")).unwrap();
    }
    let mut lines = all.lines();
    // Each file, and so each run, has whole epochs.
    for (number, part) in [1_200, 2_000, 200, 2_600].into_iter().enumerate() {
        let text: Vec<&str> = lines.by_ref().take(part).collect();
        let name = format!("in/{number}.json");
        for folder in [whole, parts] {
            std::fs::write(folder.join(&name), text.join("\n") + "\n").unwrap();
        }
        finish(parts, &[]);
    }
    finish(whole, &[]);
    same(parts, whole, &TABLES[..5], "runs one after the other");
}

/// What the end of the input closed is closed for good: what comes for it is late.
#[test]
fn what_the_end_has_closed_takes_no_more_rows() {
    let folder = folder(9, "close");
    finish(folder.path(), &[]);
    let before = lines(folder.path(), "tumbling");
    let late = lines(folder.path(), "late").len();
    let last = 1_767_225_600_000_u64 + 6_000 * 10;
    let more = [(last - 1_000, "old"), (last + 60_000, "new")];
    let text: String = more
        .iter()
        .map(|(ts, key)| format!("{{\"k\":\"{key}\",\"x\":1,\"ts\":{ts}}}\n"))
        .collect();
    std::fs::write(folder.path().join("in/more.json"), text).unwrap();
    finish(folder.path(), &[]);
    let after = lines(folder.path(), "tumbling");
    let new: Vec<&String> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(after.len(), before.len() + 1, "{new:?}");
    assert!(new[0].contains(r#""k":"new""#), "{new:?}");
    let late_after = lines(folder.path(), "late");
    assert_eq!(late_after.len(), late + 1);
    assert!(late_after.iter().any(|line| line.contains(r#""k":"old""#)));
}
