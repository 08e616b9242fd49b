//! Coming back with 10 M keys: how long until the first epoch is committed, and the memory.

use std::path::Path;

use anyhow::Result;

use crate::azud;

const KEYS: u64 = 10_000_000;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let folder = folder.join("restore");
    std::fs::create_dir_all(&folder)?;
    azud::clean(&folder, &["state"])?;
    let first = azud::run(&folder, &manifest(KEYS))?;
    println!(
        "{KEYS} keys counted in {:.1} s, at most {} MiB",
        first.time.as_secs_f64(),
        first.peak
    );
    // A few rows more: an epoch after the state has come back.
    let again = azud::run(&folder, &manifest(KEYS + 10))?;
    println!(
        "{KEYS} keys back, one more epoch committed and the end: {:.1} s (aim: 10), at most {} MiB (aim: 2048)",
        again.time.as_secs_f64(),
        again.peak
    );
    azud::clean(&folder, &["state"])
}

fn manifest(rows: u64) -> String {
    format!(
        r#"
name: restore
trigger: once
parallelism: 2
checkpoint: {{ to: ./state }}
sources:
  rows: {{ generator: {{ rows: {rows}, columns: {{ id: {{ type: bigint, sequence: true }} }} }} }}
transforms:
  counts: {{ sql: "SELECT id, count(*) AS n FROM rows GROUP BY id" }}
sinks:
  out: {{ from: counts, blackhole: {{}}, mode: update }}
"#
    )
}
