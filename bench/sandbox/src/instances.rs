//! Time and memory of instances of a small plugin in Rust.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    datatypes::Schema,
};
use azud_sandbox::{Limits, Plugin, Sandbox, Settings, Silent, Transform};

use crate::microseconds;

const IDLE: usize = 1_000;
const CHURN: usize = 10_000;

pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sandbox = Sandbox::new(Settings::default())?;
    let load = |folder: &str| -> Result<Plugin> {
        let path = azud_build::build(&root.join(folder), None)?;
        Ok(Plugin::load(&sandbox, &path, None)?)
    };
    let small = load("bench/boundary/guest")?;
    let batch = numbers("amount", [60; 100])?;
    let open = || open(&small, r#"{"task": "double"}"#, &batch.schema());

    println!("an instance (create at most 100 us, idle at most 256 KiB)");
    create(&open)?;
    idle(&open, &batch)?;
    churn(&open, &batch)?;
    trap(&load("tests/guests/picky")?)
}

/// `open` of the plugin included, as a lane does it.
fn create(open: &dyn Fn() -> Result<Transform>) -> Result<()> {
    let mut times = Vec::with_capacity(CHURN);
    for _ in 0..CHURN {
        times.push(microseconds(|| open().map(drop))?);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(0.0);
    let (half, most) = (at(50), at(99));
    println!("  created, opened and dropped  p50 {half:.1} us  p99 {most:.1} us");
    Ok(())
}

fn idle(open: &dyn Fn() -> Result<Transform>, batch: &RecordBatch) -> Result<()> {
    for (what, batches) in [("only opened", 0), ("after a batch of 100 rows", 1)] {
        let before = resident()?;
        let mut instances = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut instance = open()?;
            for _ in 0..batches {
                instance.process(batch)?;
            }
            instances.push(instance);
        }
        let each = resident()?.saturating_sub(before) / IDLE / 1024;
        println!("  {IDLE} live, {what}: {each} KiB resident each");
    }
    Ok(())
}

fn churn(open: &dyn Fn() -> Result<Transform>, batch: &RecordBatch) -> Result<()> {
    let before = resident()? >> 10;
    for _ in 0..CHURN {
        open()?.process(batch)?;
    }
    let after = resident()? >> 10;
    println!(
        "  {CHURN} created, used and dropped: {before} KiB resident before, {after} KiB after"
    );
    Ok(())
}

/// A batch that traps, and the next one, which opens a fresh instance.
fn trap(picky: &Plugin) -> Result<()> {
    let (good, bad) = (numbers("n", [5; 100])?, numbers("n", [0; 100])?);
    let mut transform = open(picky, "{}", &good.schema())?;
    let (mut whole, mut trapping) = (0.0, 0.0);
    for _ in 0..1_000 {
        trapping += microseconds(|| {
            ensure!(transform.process(&bad).is_err(), "it works");
            Ok(())
        })?;
        whole += microseconds(|| Ok(transform.process(&good).map(drop)?))?;
    }
    let (trapping, whole) = (trapping / 1e3, whole / 1e3);
    println!("  a trap {trapping:.1} us, opening a fresh one and a batch {whole:.1} us");
    Ok(())
}

fn open(plugin: &Plugin, config: &str, schema: &Schema) -> Result<Transform> {
    let limits = Limits::default();
    Ok(Transform::open(
        plugin,
        config,
        schema,
        limits,
        Arc::new(Silent),
    )?)
}

fn numbers<const N: usize>(name: &str, values: [i64; N]) -> Result<RecordBatch> {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    Ok(RecordBatch::try_from_iter([(name, column)])?)
}

/// Bytes of this process that are in memory.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib
        .context("/proc/self/status has no VmRSS")?
        .parse::<usize>()?
        << 10)
}
