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

/// The least limit.
const LEAST: u64 = 1_000;

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

/// Finds the rate, then swaps at half of it; prints two lines.
fn run(kind: &Kind, swaps: u32) -> Result<()> {
    let guests = azud_build::Builder::new().target_dir(Path::new("target/guests"));
    let component = std::fs::read(guests.build(Path::new(kind.plugin))?)?;
    let component = |version| (kind.version)(&component, version);
    let full = {
        let receiver = Receiver::start()?;
        let folder = tempfile::tempdir()?;
        let pipeline = Pipeline::start(folder.path(), kind, &receiver, None, &component(1))?;
        pipeline.wait_for_rows()?;
        let (rows, began) = (pipeline.read()?, pipeline::now());
        thread::sleep(WHILE);
        (pipeline.read()? - rows) as f64 / began.elapsed().as_secs_f64()
    };
    let half = (full / 2.0) as u64;
    let receiver = Receiver::start()?;
    let folder = tempfile::tempdir()?;
    let rate = Some(half.max(LEAST));
    let pipeline = Pipeline::start(folder.path(), kind, &receiver, rate, &component(1))?;
    pipeline.wait_for_rows()?;
    let (rows, began) = (pipeline.read()?, pipeline::now());
    let calls = pipeline.calls()?;
    let (mut pauses, mut memory, mut instances) = (Vec::new(), Vec::new(), Vec::new());
    for version in 2..2 + swaps {
        pauses.push(pipeline.swap(kind.node, &component(version))?);
        memory.push(pipeline.memory()?);
        instances.push(pipeline.instances()?);
    }
    let meanwhile = (pipeline.read()? - rows) as f64 / began.elapsed().as_secs_f64();
    let call = pipeline.calls()?.mean_since(calls);
    let read = pipeline.drain()?;
    (kind.holds)(folder.path(), receiver.stop()?, read, swaps)?;
    pauses.sort();
    let part = |part: usize| pauses.get((pauses.len() * part).div_ceil(100) - 1);
    let at = |part_of: usize| part(part_of).copied().unwrap_or_default();
    let mebibytes = |at: usize| memory.get(at).map_or(0, |bytes: &u64| bytes >> 20);
    println!(
        "{}: {swaps} swaps at {:.0} rows/s of {full:.0} (asked: {half}), {read} rows, exact; lanes \
         busy with a swap {:?} in the median, {:?} in 99 of 100, {:?} at most; a call of the plugin \
         {call:?} = {:.2}x of the 99 in 100",
        kind.name,
        meanwhile,
        at(50),
        at(99),
        at(100),
        call.as_secs_f64() / at(99).as_secs_f64(),
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
