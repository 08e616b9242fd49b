//! Thread CPU time, best of seven.

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// The cost of one call in nanoseconds: the best of seven runs, each of as many
/// calls as two million rows are.
pub(crate) fn best(rows: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let calls = (2_000_000 / rows.max(1)).clamp(20, 50_000);
    for _ in 0..calls / 10 + 1 {
        call()?;
    }
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = now();
        for _ in 0..calls {
            call()?;
        }
        best = best.min((now() - start) / calls as f64);
    }
    Ok(best)
}

/// The real time of one call in nanoseconds.
pub(crate) fn once(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = clock(ClockId::Monotonic);
    call()?;
    Ok(clock(ClockId::Monotonic) - start)
}

/// A duration with its unit.
pub(crate) fn ns(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.1} us", nanoseconds / 1e3)
    }
}

fn now() -> f64 {
    clock(ClockId::ThreadCPUTime)
}

fn clock(id: ClockId) -> f64 {
    let time = clock_gettime(id);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
