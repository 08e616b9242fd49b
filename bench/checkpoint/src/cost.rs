//! The throughput of a pipeline with a checkpoint beside that of one without.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::azud;

const ROWS: u64 = 6_000_000;
const ROUNDS: usize = 5;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let input = folder.join("in");
    if !input.join("rows.json").exists() {
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
        std::fs::write(input.join("rows.json"), text)?;
    }
    // Rows an epoch: how many this machine does in a second, and in a tenth of one.
    azud::clean(folder, &["out", "counted", "state"])?;
    let whole = azud::run(folder, &manifest(ROWS, false))?;
    azud::clean(folder, &["out", "counted"])?;
    let second = (ROWS as f64 / whole.time.as_secs_f64()) as u64;
    println!("without epochs or checkpoint: {second} rows/s");
    for (name, rows) in [("1 s", second), ("100 ms", second / 10)] {
        let mut ratios = Vec::new();
        let mut epochs = 0;
        for _ in 0..ROUNDS {
            let mut times = Vec::new();
            for checkpoint in [false, true] {
                azud::clean(folder, &["out", "counted", "state"])?;
                times.push(
                    azud::run(folder, &manifest(rows, checkpoint))?
                        .time
                        .as_secs_f64(),
                );
            }
            epochs = ROWS.div_ceil(rows);
            if let [without, with] = times.as_slice() {
                ratios.push(with / without);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let middle = ratios.get(ROUNDS / 2).copied().unwrap_or_default();
        println!(
            "an epoch of {name} ({epochs} of them): time with / without a checkpoint {middle:.3} (each: {ratios:.3?})"
        );
    }
    azud::clean(folder, &["out", "counted", "state"])
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
