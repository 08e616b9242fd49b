//! What an epoch writes that touches 1 K of 1 M keys.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::azud;

const KEYS: u64 = 1_000_000;
const TOUCHED: u64 = 1_000;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let folder = folder.join("bytes");
    azud::clean(&folder, &["in", "state"])?;
    std::fs::create_dir_all(folder.join("in"))?;
    let write = |name: &str, keys: &mut dyn Iterator<Item = u64>| -> Result<()> {
        let mut text = String::new();
        for key in keys {
            writeln!(text, "user-{key:07}")?;
        }
        Ok(std::fs::write(folder.join("in").join(name), text)?)
    };
    write("0.txt", &mut (0..KEYS))?;
    azud::run(&folder, MANIFEST)?;
    let snapshot = newest(&folder)?;
    write("1.txt", &mut (0..TOUCHED).map(|row| row * 997 % KEYS))?;
    azud::run(&folder, MANIFEST)?;
    let delta = newest(&folder)?;
    let share = delta as f64 / snapshot as f64 * 100.0;
    println!(
        "{TOUCHED} of {KEYS} keys touched: {delta} bytes beside {snapshot} of a full snapshot: {share:.2} %"
    );
    azud::clean(&folder, &["in", "state"])
}

/// The bytes of the file that the last epoch added.
fn newest(folder: &Path) -> Result<u64> {
    let mut records: Vec<_> = std::fs::read_dir(folder.join("state/epochs"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    records.sort();
    let text = std::fs::read_to_string(records.last().context("no record")?)?;
    let record: Value = serde_json::from_str(text.lines().next().context("an empty record")?)?;
    let files = record.pointer("/states/0/files").and_then(Value::as_array);
    let newest = files.and_then(|files| files.last()).context("no state")?;
    newest
        .get("bytes")
        .and_then(Value::as_u64)
        .context("no bytes")
}

const MANIFEST: &str = r#"
name: bytes
trigger: once
parallelism: 2
checkpoint: { to: ./state }
sources:
  users: { file: { path: ./in }, format: text }
transforms:
  counts: { sql: "SELECT value, count(*) AS n FROM users GROUP BY value" }
sinks:
  out: { from: counts, blackhole: {}, mode: update }
"#;
