//! What the boundary costs: plugins against native Arrow, in the same run.
//!
//! `cargo run --release -p azud-bench-boundary [echo | double | split | load] [ROWS]`. Thread CPU time, best of 7,
//! deadlines on.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod measure;
mod native;
mod tables;

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use azud_sandbox::{Limits, Plugin, Sandbox, Settings, Silent, Transform};
use measure::{best, ns};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guest = azud_build::build(&root.join("guest"), None)?;
    let split = azud_build::build(&root.join("../../plugins/split-words"), None)?;
    let sandbox = Sandbox::new(Settings::default())?;
    let guest = Plugin::load(&sandbox, &guest, None)?;
    let split = Plugin::load(&sandbox, &split, None)?;

    let wanted = std::env::args().nth(1).unwrap_or_default();
    if "echo".starts_with(&wanted) {
        echo(&guest)?;
    }
    if "double".starts_with(&wanted) {
        double(&guest)?;
    }
    if "split".starts_with(&wanted) {
        words(&split)?;
    }
    if "load".starts_with(&wanted) {
        load(&root.join("../../plugins/split-words"))?;
    }
    Ok(())
}

fn load(plugin: &Path) -> Result<()> {
    println!("loading and opening a plugin (start to first record at most 50 ms)");
    let path = azud_build::build(plugin, None)?;
    let folder = std::env::temp_dir().join(format!("azud-bench-{}", std::process::id()));
    let (batch, _) = tables::lines(1)?;
    for (what, cache) in [
        ("compiled", None),
        ("compiled and kept", Some(&folder)),
        ("from the cache", Some(&folder)),
    ] {
        let took = measure::once(|| {
            let sandbox = Sandbox::new(Settings {
                cache: cache.cloned(),
                ..Settings::default()
            })?;
            let plugin = Plugin::load(&sandbox, &path, None)?;
            run_once(&plugin, &batch)
        })?;
        println!("  {what:>17}  {:>9}", ns(took));
    }
    let built = measure::once(|| Ok(azud_build::build(plugin, None).map(|_| ())?))?;
    println!("  {:>17}  {:>9}", "is it up to date?", ns(built));
    Ok(std::fs::remove_dir_all(folder)?)
}

fn run_once(plugin: &Plugin, batch: &RecordBatch) -> Result<()> {
    open(plugin, "{}", batch)?.process(batch)?;
    Ok(())
}

fn echo(guest: &Plugin) -> Result<()> {
    println!(
        "returning a binary column of 100 bytes a row (at most 40 ns a row at 1,000; 1 us a batch of one)"
    );
    for rows in sizes([1, 100, 1_000, 10_000]) {
        let batch = tables::bytes(rows)?;
        let mut transform = open(guest, r#"{"task": "echo"}"#, &batch)?;
        let call = best(rows, || {
            transform.repeat(&batch, 1).context("a batch failed")
        })?;
        let whole = best(rows, || {
            transform
                .process(&batch)
                .map(|_| ())
                .context("a batch failed")
        })?;
        println!(
            "  {rows:>6} rows  in the call {:>9} a batch  {:>7.1} ns a row  with checks and import {:>9}",
            ns(call),
            call / rows as f64,
            ns(whole),
        );
    }
    Ok(())
}

fn double(guest: &Plugin) -> Result<()> {
    println!("filter and a new column, three columns carried (at most 1.3 of native)");
    for rows in sizes([1, 100, 1_000, 4_096, 10_000]) {
        let batch = tables::amounts(rows)?;
        let plugin = run(guest, r#"{"task": "double"}"#, &batch)?;
        let native = best(rows, || native::double(&batch).map(|_| ()))?;
        let by_rows = best(rows, || native::double_by_rows(&batch).map(|_| ()))?;
        let each = |total: f64| total / rows as f64;
        println!(
            "  {rows:>6} rows  {:>7.1} ns a row  kernels {:>7.1}  ratio {:.2}  row by row {:>7.1}  ratio {:.2}",
            each(plugin),
            each(native),
            plugin / native,
            each(by_rows),
            plugin / by_rows
        );
    }
    Ok(())
}

fn words(split: &Plugin) -> Result<()> {
    println!("splitting lines of 12 words (aim: well under 20 ns a word)");
    for rows in sizes([100, 1_000, 4_096]) {
        let (batch, words) = tables::lines(rows)?;
        let plugin = run(split, "{}", &batch)?;
        let native = best(rows, || native::split(&batch).map(|_| ()))?;
        let each = |total: f64| total / words as f64;
        println!(
            "  {rows:>6} rows  {:>7.1} ns a word  native {:>6.1}  ratio {:.2}",
            each(plugin),
            each(native),
            plugin / native
        );
    }
    Ok(())
}

/// All sizes, or the one of the second argument.
fn sizes<const N: usize>(all: [usize; N]) -> impl Iterator<Item = usize> {
    let wanted: Option<usize> = std::env::args().nth(2).and_then(|rows| rows.parse().ok());
    all.into_iter()
        .filter(move |rows| wanted.is_none_or(|wanted| wanted == *rows))
}

fn open(plugin: &Plugin, config: &str, batch: &RecordBatch) -> Result<Transform> {
    let (schema, limits) = (batch.schema(), Limits::default());
    Ok(Transform::open(
        plugin,
        config,
        &schema,
        limits,
        Arc::new(Silent),
    )?)
}

fn run(plugin: &Plugin, config: &str, batch: &RecordBatch) -> Result<f64> {
    let mut transform = open(plugin, config, batch)?;
    best(batch.num_rows(), || {
        transform
            .process(batch)
            .map(|_| ())
            .context("a batch failed")
    })
}
