//! Whole runs of `azud`: rows that a plugin falls over, and a plugin against SQL.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::seconds;

/// What one bad row, and only bad rows, cost.
pub(crate) fn rows() -> Result<()> {
    println!("rows that a plugin falls over, 1,000 rows in a batch, whole runs");
    let (fine, _) = picky(1_000, |_| 5)?;
    println!("  none                         {:.3} s", fine);
    let one = |bad: i64| move |row: usize| if row == 617 { bad } else { 5 };
    // A first batch has three quarters of the deadline.
    for (what, bad, deadline) in [("traps", 0, 0.0), ("fails", 13, 0.0), ("loops", 77, 0.75)] {
        let (took, said) = picky(1_000, one(bad))?;
        let (extra, said) = (took - fine - deadline, said.trim());
        println!("  one {what}  {extra:+.3} s beside none and the first deadline  {said}");
    }
    let (took, said) = picky(10_000, |_| 0)?;
    println!(
        "  all trap (at most 50 until it stops)  {took:.3} s  {}",
        said.trim()
    );
    let (took, said) = picky(10_000, |_| 77)?;
    println!(
        "  all loop                              {took:.3} s  {}",
        said.trim()
    );
    Ok(())
}

/// Runs `tests/guests/picky` over rows; how long it took, and what was said at the end.
fn picky(rows: usize, number: impl Fn(usize) -> i64) -> Result<(f64, String)> {
    let folder = folder()?;
    let mut text = String::new();
    for row in 0..rows {
        writeln!(text, "{{\"n\": {}}}", number(row))?;
    }
    fs::write(folder.join("rows.json"), text)?;
    let manifest = "name: picky
trigger: once
parallelism: 1
sources: { rows: { file: { path: ./rows.json }, format: json, schema: { n: bigint } } }
transforms: { parts: { from: rows, plugin: picky, on_error: drop } }
sinks: { out: { from: parts, blackhole: {} } }
plugins: { picky: { source: ROOT/tests/guests/picky } }
";
    let mut said = String::new();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let took = seconds(|| {
            said = azud(manifest)?;
            Ok(())
        })?;
        best = best.min(took);
    }
    let line = said.lines().rfind(|line| !line.is_empty());
    Ok((best, line.unwrap_or_default().into()))
}

/// A filter and a new column, by a plugin and by SQL: the same rows, nothing subtracted.
pub(crate) fn native(rows: u64) -> Result<()> {
    println!(
        "{rows} rows: generator, filter and a new column, blackhole (plugin at most 1.5x SQL)"
    );
    let manifest = |columns: &str, step: &str| {
        format!(
            "name: native
trigger: once
parallelism: LANES
sources: {{ rows: {{ generator: {{ rows: {rows}, columns: {{ {columns} }} }} }} }}
transforms: {{ doubled: {{ {step} }} }}
sinks: {{ out: {{ from: doubled, blackhole: {{}} }} }}
plugins: {{ double: {{ source: ROOT/bench/boundary/guest }} }}
"
        )
    };
    for (what, columns, names) in [
        ("one column", "amount: bigint", "amount"),
        (
            "three, two of them carried",
            "user: string, amount: bigint, price: double",
            "user, amount, price",
        ),
    ] {
        let plugin = manifest(
            columns,
            "from: rows, plugin: double, config: { task: double }",
        );
        let sql =
            format!("sql: \"SELECT {names}, amount * 2 AS doubled FROM rows WHERE amount > 50\"");
        let sql = manifest(columns, &sql).replace("plugins: ", "# ");
        for lanes in ["1", "2"] {
            let (mut by_plugin, mut by_sql) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..3 {
                by_plugin =
                    by_plugin.min(seconds(|| azud(&plugin.replace("LANES", lanes)).map(drop))?);
                by_sql = by_sql.min(seconds(|| azud(&sql.replace("LANES", lanes)).map(drop))?);
            }
            let ratio = by_plugin / by_sql;
            println!(
                "  {what}, {lanes} lanes: plugin {by_plugin:.2} s  sql {by_sql:.2} s  ratio {ratio:.2}"
            );
        }
    }
    Ok(())
}

/// Runs a manifest with the program beside this one; what it logged, whether it
/// succeeded or not.
fn azud(manifest: &str) -> Result<String> {
    let folder = folder()?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    fs::write(folder.join("pipeline.yaml"), manifest.replace("ROOT", root))?;
    let program = std::env::current_exe()?.with_file_name("azud");
    let output = Command::new(&program)
        .args(["run", "pipeline.yaml"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("AZUD_LOG_FORMAT", "text")
        .output()
        .with_context(|| format!("cannot run {}: build the workspace", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join("azud-bench-sandbox");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
