//! What processors have done for a process.

use std::fs;

use anyhow::Result;

/// The seconds of processors that a process has taken: its number, or `self`.
pub(crate) fn cpu(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = after.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|tick| tick.parse::<f64>().ok()).sum();
    // `USER_HZ` is 100 everywhere.
    Ok(ticks / 100.0)
}
