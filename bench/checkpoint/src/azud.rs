//! Runs azud, and measures it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// A run: how long it took, and the most memory that it had, in MiB.
pub(crate) struct Run {
    pub(crate) time: Duration,
    pub(crate) peak: u64,
}

/// `azud run p.yaml` in a folder, once with this manifest.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
pub(crate) fn run(folder: &Path, manifest: &str) -> Result<Run> {
    std::fs::write(folder.join("p.yaml"), manifest)?;
    let binary = std::env::current_exe()?.with_file_name("azud");
    let started = Instant::now();
    let mut child = Command::new(&binary)
        .current_dir(folder)
        .args(["run", "p.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{}: build the workspace first", binary.display()))?;
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "azud ended with {status}");
            let time = started.elapsed();
            return Ok(Run { time, peak });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// Removes what an earlier run has left.
pub(crate) fn clean(folder: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        match std::fs::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
