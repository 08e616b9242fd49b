//! Real time, best of fifty short runs: what else the machine does falls out.

use anyhow::Result;
use std::time::Instant;

/// The cost of one call in nanoseconds: the best of fifty runs, each of as many
/// calls as four hundred thousand rows are.
pub(crate) fn best(rows: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let calls = (400_000 / rows.max(1)).clamp(4, 10_000);
    for _ in 0..calls {
        call()?;
    }
    let mut best = f64::INFINITY;
    for _ in 0..50 {
        let start = now();
        for _ in 0..calls {
            call()?;
        }
        best = best.min(nanoseconds(start) / calls as f64);
    }
    Ok(best)
}

/// The real time of one call in nanoseconds.
pub(crate) fn once(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = now();
    call()?;
    Ok(nanoseconds(start))
}

/// A duration with its unit.
pub(crate) fn ns(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.1} us", nanoseconds / 1e3)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}

fn nanoseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e9
}
