//! What a checkpoint costs: throughput, bytes, memory, the time to come back.
//!
//! `cargo build --release --workspace && target/release/azud-bench-checkpoint [cost | spool | bytes | restore] [FOLDER]`.
//! The folder is on a disk, not in memory; default: `target/bench/checkpoint`. Runs the `azud` beside it.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod azud;
mod bytes;
mod cost;
mod restore;
mod spool;

use std::path::PathBuf;

use anyhow::Result;

fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let folder = std::env::args().nth(2);
    let folder = folder.map_or_else(|| PathBuf::from("target/bench/checkpoint"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    if "cost".starts_with(&wanted) {
        cost::run(&folder)?;
    }
    if "spool".starts_with(&wanted) {
        spool::run(&folder)?;
    }
    if "bytes".starts_with(&wanted) {
        bytes::run(&folder)?;
    }
    if "restore".starts_with(&wanted) {
        restore::run(&folder)?;
    }
    Ok(())
}
