//! What the journal costs: its throughput beside plain writes and syncs of the same
//! bytes, and the time to an acknowledgement beside a plain write and sync of 1 KB.
//!
//! `cargo build --release --workspace && target/release/azud-bench-journal [throughput | latency] [FOLDER] [MIB]`.
//! The folder must be on a disk; it is made and emptied, `target/bench/journal` by default.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod latency;
mod source;
mod throughput;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_default();
    let folder = arguments.next().map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from("target/bench/journal"));
    let mib = arguments.next().and_then(|mib| mib.parse().ok());
    std::fs::create_dir_all(&folder)?;
    if "throughput".starts_with(&wanted) {
        throughput::run(&folder, mib.unwrap_or(1024))?;
    }
    if "latency".starts_with(&wanted) {
        latency::run(&folder)?;
    }
    Ok(())
}

/// How many seconds a call took.
fn seconds(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = now();
    call()?;
    Ok(start.elapsed().as_secs_f64())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}
