//! Swaps between versions of a plugin under half of the load that the pipeline can bear: a
//! transform, a plugin with state, an aggregate, and a sink.
//!
//! `cargo build --release --workspace && target/release/azud-bench-swaps [SWAPS] [KIND]`, in the
//! repository's folder. Runs the `azud` beside it: each pipeline first as fast as it goes, then at
//! half of that rate, while SWAPS (100) versions follow each other; drains it, and holds every row
//! that came out against what was read. Prints how long lanes were busy with a swap beside how long
//! a call of the plugin takes, the rate meanwhile, memory, and instances; fails where a row is
//! missing or doubled, or a version is not the next one.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod kind;
mod partitions;
mod pipeline;
mod receiver;
mod written;

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use kind::{KINDS, Kind};
use pipeline::Pipeline;
use receiver::Receiver;

/// How long the rate without a limit is taken.
const WHILE: Duration = Duration::from_secs(4);

/// `parallelism`.
const LANES: f64 = 2.0;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let swaps = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let only = arguments.next();
    let chosen = |kind: &&Kind| only.as_ref().is_none_or(|only| only == kind.name);
    for kind in KINDS.iter().filter(chosen) {
        run(kind, swaps).with_context(|| kind.name.to_owned())?;
    }
    Ok(())
}

/// What a pipeline can bear.
struct Full {
    /// Rows a second.
    rate: f64,
    /// What a lane takes for a batch: all of its time, by how often the plugin was called.
    batch: Duration,
}

/// As fast as it goes.
fn full(kind: &Kind, component: &[u8]) -> Result<Full> {
    let receiver = Receiver::start()?;
    let folder = tempfile::tempdir()?;
    let pipeline = Pipeline::start(folder.path(), kind, &receiver, None, component)?;
    pipeline.wait_for_rows()?;
    let (rows, calls, began) = (pipeline.read()?, pipeline.calls()?, pipeline::now());
    thread::sleep(WHILE);
    let (rows, calls) = (pipeline.read()? - rows, pipeline.calls()?.since(calls));
    let seconds = began.elapsed().as_secs_f64();
    Ok(Full {
        rate: rows as f64 / seconds,
        batch: Duration::from_secs_f64(LANES * seconds / calls.count),
    })
}

/// Swaps at half of the rate; prints two lines.
fn run(kind: &Kind, swaps: u32) -> Result<()> {
    let guests = azud_build::Builder::new().target_dir(Path::new("target/guests"));
    let component = std::fs::read(guests.build(Path::new(kind.plugin))?)?;
    let version = |number| (kind.version)(&component, number);
    let Full { rate: full, batch } = full(kind, &version(1)?)?;
    let half = (full / 2.0) as u64;
    let receiver = Receiver::start()?;
    let folder = tempfile::tempdir()?;
    let pipeline = Pipeline::start(folder.path(), kind, &receiver, Some(half), &version(1)?)?;
    pipeline.wait_for_rows()?;
    let (rows, began) = (pipeline.read()?, pipeline::now());
    let calls = pipeline.calls()?;
    let (mut pauses, mut memory, mut instances) = (Vec::new(), Vec::new(), Vec::new());
    for number in 2..2 + swaps {
        pauses.push(pipeline.swap(kind.node, &version(number)?)?);
        memory.push(pipeline.memory()?);
        instances.push(pipeline.instances()?);
    }
    let meanwhile = (pipeline.read()? - rows) as f64 / began.elapsed().as_secs_f64();
    let call = pipeline.calls()?.since(calls).mean();
    let read = pipeline.drain()?;
    (kind.holds)(folder.path(), receiver.stop()?, read, swaps)?;
    pauses.sort();
    let part = |part: usize| pauses.get((pauses.len() * part).div_ceil(100) - 1);
    let at = |part_of: usize| part(part_of).copied().unwrap_or_default();
    let mebibytes = |at: usize| memory.get(at).map_or(0, |bytes: &u64| bytes >> 20);
    println!(
        "{}: {swaps} swaps at {meanwhile:.0} rows/s, of {full:.0} at most; {read} rows, exact; lanes \
         busy with a swap {:?} in the median, {:?} in 99 of 100, {:?} at most; a batch takes a lane \
         {batch:?}, a call of the plugin {call:?}: 99 of 100 swaps take {:.2}x of a batch (aim 1)",
        kind.name,
        at(50),
        at(99),
        at(100),
        at(99).as_secs_f64() / batch.as_secs_f64(),
    );
    println!(
        "{}: memory {} MiB, after a tenth {} MiB, in the end {} MiB; instances {:?} at first, {:?} in \
         the end, {:?} at most",
        kind.name,
        mebibytes(0),
        mebibytes(memory.len() / 10),
        mebibytes(memory.len().saturating_sub(1)),
        instances.first(),
        instances.last(),
        instances.iter().max()
    );
    ensure!(
        instances.first() == instances.last(),
        "instances of old versions are left: {instances:?}"
    );
    Ok(())
}
