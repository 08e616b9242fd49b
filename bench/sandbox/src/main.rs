//! What an instance costs, and what a row costs that a plugin falls over.
//!
//! `cargo build --release --workspace && target/release/azud-bench-sandbox [instances | rows | native] [ROWS]`.
//! Real time; of an instance the thread's own, so that what else the machine does falls out. Deadlines on.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod instances;
mod pipelines;

use std::time::Instant;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if "instances".starts_with(&wanted) {
        instances::run()?;
    }
    if "rows".starts_with(&wanted) {
        pipelines::rows()?;
    }
    if "native".starts_with(&wanted) {
        let rows = std::env::args().nth(2).and_then(|rows| rows.parse().ok());
        pipelines::native(rows.unwrap_or(20_000_000))?;
    }
    Ok(())
}

/// How many seconds a call took.
fn seconds(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = now();
    call()?;
    Ok(start.elapsed().as_secs_f64())
}

/// How many microseconds of this thread a call took.
fn microseconds(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let at = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    let start = at();
    call()?;
    Ok(at() - start)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}
