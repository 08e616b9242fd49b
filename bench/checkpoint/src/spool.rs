//! What the spool costs: a sink behind it, beside one that needs none.

use std::path::Path;

use anyhow::Result;

use crate::cost::{ROWS, input, rate, ratio};

/// The console cannot take back what it printed, so it is driven from the spool; a
/// blackhole is as cheap as a sink can be, and needs no spool. Both encode and write nothing.
const SINKS: [(&str, &str); 2] = [
    ("spooled (console)", "console: { style: json }"),
    ("not spooled (blackhole)", "blackhole: { encode: true }"),
];

pub(crate) fn run(folder: &Path) -> Result<()> {
    input(folder)?;
    for (sink, written) in SINKS {
        let second = rate(folder, &manifest(ROWS, false, written))?;
        println!("{sink}: without epochs or checkpoint {second} rows/s, all of which it is given");
        for (name, rows) in [("1 s", second), ("100 ms", second / 10)] {
            let made = |checkpoint| manifest(rows, checkpoint, written);
            let (middle, ratios) = ratio(folder, made)?;
            println!(
                "  an epoch of {name}: time with / without a checkpoint {middle:.3} (each: {ratios:.3?})"
            );
        }
    }
    Ok(())
}

fn manifest(rows: u64, checkpoint: bool, sink: &str) -> String {
    let checkpoint = match checkpoint {
        true => "checkpoint: { to: ./state }",
        false => "",
    };
    format!(
        r#"
name: spool
trigger: once
parallelism: 2
{checkpoint}
sources:
  rows:
    file: {{ path: ./in, max_rows: {rows} }}
    format: json
    schema: {{ id: bigint, key: string, amount: bigint, page: string }}
sinks:
  out: {{ from: rows, {sink} }}
"#
    )
}
