//! Windows that close between two rows (`trigger: continuous`), over kills at any time: each window
//! is given once and whole, and no row is late, in whichever lanes the rest is computed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::process::{finish, log, start};
use crate::seeds;
use crate::verdict::files;

/// Rows in all, one a second of event time, so many each second.
const ROWS: u64 = 40_000;
const RATE: u64 = 20_000;

/// Rows of a window.
const WINDOW: u64 = 100;

fn manifest(parallelism: u64) -> String {
    format!(
        r#"
name: continuous
trigger: continuous
parallelism: {parallelism}
checkpoint: {{ to: ./state, every: 300ms }}
sources:
  rows:
    generator:
      rows: {ROWS}
      rows_per_second: {RATE}
      columns:
        x: {{ type: bigint, sequence: true }}
        ts: {{ type: timestamp, sequence: true }}
    time: {{ column: ts }}
transforms:
  sums: {{ sql: "SELECT unix_timestamp(window.start) AS start, count(*) AS n, sum(x) AS s FROM rows GROUP BY window(ts, '{WINDOW} seconds')" }}
sinks:
  sums_out: {{ from: sums, file: {{ path: ./sums }}, format: json }}
  late: {{ from: sums.late, file: {{ path: ./late }}, format: json }}
"#
    )
}

#[test]
fn a_kill_between_two_watermarks_doubles_no_window() {
    let mut kills = 0;
    for seed in seeds(30) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..3 {
            std::fs::write(folder.join("p.yaml"), manifest(random.u64(1..=3))).unwrap();
            let mut child = start(folder, None, &[]);
            std::thread::sleep(Duration::from_millis(random.u64(50..900)));
            child.kill().unwrap();
            kills += u32::from(!child.wait().unwrap().success());
        }
        finish(folder, &[]);
        let mut windows = BTreeMap::new();
        for file in files(&folder.join("sums")) {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                let number = |name: &str| row[name].as_u64().unwrap();
                let before = windows.insert(number("start"), (number("n"), number("s")));
                assert_eq!(before, None, "seed {seed}: {line} again\n{}", log(folder));
            }
        }
        let expected: BTreeMap<u64, (u64, u64)> = (0..ROWS / WINDOW)
            .map(|window| window * WINDOW)
            .map(|first| (first, (WINDOW, (first..first + WINDOW).sum())))
            .collect();
        assert!(
            windows == expected,
            "seed {seed}: {windows:?}\n{}",
            log(folder)
        );
        for file in files(&folder.join("late")) {
            let late = std::fs::read_to_string(file).unwrap();
            assert_eq!(late, "", "seed {seed}: late\n{}", log(folder));
        }
    }
    println!("{kills} kills within epochs: no window is missing, doubled or another");
}
