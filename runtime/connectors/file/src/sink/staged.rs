//! A file that is being written under a hidden name.

use std::path::PathBuf;

use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

/// An open file, and what it holds so far.
pub(super) struct Staged {
    pub(super) path: PathBuf,
    file: BufWriter<File>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// A token: what a lane's file holds at the end of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finished {
    pub(super) lane: usize,
    /// The first epoch that it has rows of.
    pub(super) since: u64,
    /// Whether later epochs add rows: it is made visible only after a crash.
    pub(super) open: bool,
    /// Its name in the hidden folder.
    pub(super) staged: String,
    /// Its name once it is visible: of the epoch at whose end it has these rows.
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

// === impl Staged ===

impl Staged {
    pub(super) async fn create(path: PathBuf, header: &[u8]) -> Result<Self> {
        let file = File::create(&path).await.map_err(failed("create", &path))?;
        let mut staged = Self {
            file: BufWriter::with_capacity(256 * 1024, file),
            path,
            rows: 0,
            bytes: 0,
        };
        staged.add(0, header).await?;
        Ok(staged)
    }

    pub(super) async fn add(&mut self, rows: usize, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes).await;
        written.map_err(failed("write", &self.path))?;
        self.rows += rows as u64;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes durable what was written.
    pub(super) async fn sync(&mut self) -> Result<()> {
        let flushed = self.file.flush().await;
        flushed.map_err(failed("write", &self.path))?;
        let synced = self.file.get_ref().sync_all().await;
        synced.map_err(failed("write", &self.path))
    }
}

/// A full or missing disk stops the pipeline: some of the bytes may have been
/// written, so trying again could write them twice.
pub(super) fn failed(
    what: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::invalid(format!("cannot {what} `{path}`")).because(error)
}
