//! Azud as a process: topic to topic through the plugin.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::Place;
use crate::cpu::cpu;

/// How a pipeline delivers.
#[derive(Clone, Copy)]
pub(crate) enum Delivery {
    AtLeastOnce,
    /// With epochs of so many milliseconds.
    ExactlyOnce(u64),
}

impl Delivery {
    /// How long an epoch is.
    pub(crate) fn epoch(self) -> Duration {
        match self {
            Self::AtLeastOnce => Duration::ZERO,
            Self::ExactlyOnce(milliseconds) => Duration::from_millis(milliseconds),
        }
    }
}

/// A pipeline that runs; killed when it is dropped.
pub(crate) struct Running {
    process: Child,
    folder: TempDir,
}

impl Running {
    pub(crate) fn start(place: &Place, from: &str, to: &str, delivery: Delivery) -> Result<Self> {
        let folder = TempDir::new()?;
        let (checkpoint, said) = match delivery {
            Delivery::AtLeastOnce => (String::new(), "at-least-once"),
            Delivery::ExactlyOnce(every) => (
                format!("checkpoint: {{ to: ./state, every: {every}ms }}"),
                "exactly-once",
            ),
        };
        let Place { servers, guest, .. } = place;
        let manifest = format!(
            "name: bench\n\
             trigger: continuous\n\
             {checkpoint}\n\
             sources:\n  \
               in: {{ kafka: {{ servers: \"{servers}\", topics: {from} }}, format: raw, keep: [key] }}\n\
             transforms:\n  \
               kept: {{ from: in, plugin: filter, max_wait: 10ms }}\n\
             sinks:\n  \
               out: {{ from: kept, kafka: {{ servers: \"{servers}\", topic: {to}, delivery: {said} }}, format: raw }}\n\
             plugins:\n  \
               filter: {{ source: \"{guest}\" }}\n"
        );
        let path = folder.path().join("pipeline.yaml");
        fs::write(&path, manifest)?;
        let log = fs::File::create(folder.path().join("log"))?;
        let process = Command::new(&place.azud)
            .arg("run")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start azud")?;
        Ok(Self { process, folder })
    }

    /// The seconds of processors that it has taken.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu(&self.process.id().to_string())
    }

    /// Says what it has said, if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                anyhow::bail!("azud has ended: {status}\n{log}")
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Its transaction, if one is open, is of nobody's interest.
        std::thread::sleep(Duration::from_millis(10));
    }
}
