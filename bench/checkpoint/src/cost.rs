//! The throughput of a pipeline with a checkpoint beside that of one without.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::azud;

pub(crate) const ROWS: u64 = 6_000_000;
const ROUNDS: usize = 5;

/// What a run leaves.
const LEFT: [&str; 3] = ["out", "counted", "state"];

pub(crate) fn run(folder: &Path) -> Result<()> {
    input(folder)?;
    let second = rate(folder, &manifest(ROWS, false))?;
    println!("without epochs or checkpoint: {second} rows/s");
    for (name, rows) in [("1 s", second), ("100 ms", second / 10)] {
        let (middle, ratios) = ratio(folder, |checkpoint| manifest(rows, checkpoint))?;
        let epochs = ROWS.div_ceil(rows);
        println!(
            "an epoch of {name} ({epochs} of them): time with / without a checkpoint {middle:.3} (each: {ratios:.3?})"
        );
    }
    Ok(())
}

/// Makes the rows that are read.
pub(crate) fn input(folder: &Path) -> Result<()> {
    let input = folder.join("in");
    if input.join("rows.json").exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&input)?;
    let mut text = String::new();
    for row in 0..ROWS {
        let key = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        writeln!(
            text,
            r#"{{"id":{row},"key":"user-{key}","amount":{},"page":"/products/{}"}}"#,
            row % 1000,
            row % 97
        )?;
    }
    Ok(std::fs::write(input.join("rows.json"), text)?)
}

/// How many rows this machine does in a second.
pub(crate) fn rate(folder: &Path, manifest: &str) -> Result<u64> {
    azud::clean(folder, &LEFT)?;
    let whole = azud::run(folder, manifest)?;
    azud::clean(folder, &LEFT)?;
    Ok((ROWS as f64 / whole.time.as_secs_f64()) as u64)
}

/// The time with a checkpoint by that without, in turns: the middle one, and each.
pub(crate) fn ratio(folder: &Path, manifest: impl Fn(bool) -> String) -> Result<(f64, Vec<f64>)> {
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let mut times = Vec::new();
        for checkpoint in [false, true] {
            azud::clean(folder, &LEFT)?;
            let run = azud::run(folder, &manifest(checkpoint))?;
            times.push(run.time.as_secs_f64());
        }
        if let [without, with] = times.as_slice() {
            ratios.push(with / without);
        }
    }
    azud::clean(folder, &LEFT)?;
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.get(ROUNDS / 2).copied().unwrap_or_default();
    Ok((middle, ratios))
}

fn manifest(rows: u64, checkpoint: bool) -> String {
    let checkpoint = if checkpoint {
        "checkpoint: { to: ./state }"
    } else {
        ""
    };
    format!(
        r#"
name: cost
trigger: once
parallelism: 2
{checkpoint}
sources:
  rows:
    file: {{ path: ./in, max_rows: {rows} }}
    format: json
    schema: {{ id: bigint, key: string, amount: bigint, page: string }}
transforms:
  large: {{ sql: "SELECT id, key, amount * 2 AS amount FROM rows WHERE amount >= 900" }}
  sums: {{ sql: "SELECT key, count(*) AS n, sum(amount) AS total FROM rows GROUP BY key" }}
sinks:
  out: {{ from: large, file: {{ path: ./out }}, format: json }}
  counted: {{ from: sums, blackhole: {{}}, mode: update }}
"#
    )
}
