//! A lane's writer, for all layouts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{Output, Prepared, SinkWriter};
use azud_model::{Clock, Epoch, Error, Result};

use super::paths::Paths;
use super::staged::{Finished, Staged, failed};
use crate::Roll;

/// When a file is finished, and what it is called then.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// At each epoch, also an empty one: `part-00000`.
    Batches,
    /// At each epoch that has rows.
    Table,
    /// When it is large or old enough, and at the last epoch.
    Rolling(Roll),
}

/// How much of a lane's rolling file belongs to committed epochs.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) prepared: Option<(u64, Finished)>,
    pub(super) committed: Option<(u64, Finished)>,
    /// Whether rows were prepared that are not committed.
    pub(super) has_more: bool,
}

/// A file that is being written.
pub(super) struct Open {
    staged: Staged,
    /// When it was made.
    made: Duration,
    /// The first epoch that it has rows of, once that has ended.
    since: Option<u64>,
}

pub(super) struct Writer {
    pub(super) lane: usize,
    pub(super) paths: Paths,
    pub(super) plan: Plan,
    pub(super) header: Vec<u8>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) open: Option<Open>,
    /// With a checkpoint, the epoch before which the run started, and which of its attempts
    /// it is: what an earlier one left has other names, and so has what it still writes.
    pub(super) start: Option<(u64, u64)>,
    pub(super) files: u64,
    pub(super) rows: u64,
    pub(super) progress: Arc<Mutex<Progress>>,
}

// === impl Writer ===

impl Writer {
    async fn open(&mut self) -> Result<&mut Staged> {
        if self.open.is_none() {
            let mut name = format!("{}-{}.tmp", self.lane, self.files);
            if let Some((start, attempt)) = self.start {
                name = format!("{start}-{attempt}-{name}");
            }
            let staged = Staged::create(self.paths.staging.join(name), &self.header).await?;
            self.files += 1;
            self.open = Some(Open {
                staged,
                made: self.clock.elapsed(),
                since: None,
            });
        }
        let open = self.open.as_mut().map(|open| &mut open.staged);
        open.ok_or_else(|| Error::internal("file: no file is open"))
    }

    fn is_due(&self, epoch: &Epoch) -> bool {
        match (&self.plan, &self.open) {
            (Plan::Rolling(roll), Some(open)) => {
                let age = self.clock.elapsed().saturating_sub(open.made);
                epoch.last || open.staged.bytes >= roll.size.as_bytes() || age >= roll.every.get()
            }
            _ => true,
        }
    }

    fn finished(&self, open: &Open, epoch: &Epoch, due: bool) -> Finished {
        let staged = &open.staged;
        let staged_name = staged.path.file_name().unwrap_or_default();
        Finished {
            lane: self.lane,
            since: open.since.unwrap_or(epoch.number),
            open: !due,
            staged: staged_name.to_string_lossy().into_owned(),
            name: match self.plan {
                Plan::Batches => format!("part-{:05}", self.lane),
                Plan::Table | Plan::Rolling(_) => self.paths.part(epoch.number, self.lane),
            },
            rows: staged.rows,
            bytes: staged.bytes,
        }
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        let Output::Encoded { rows, bytes } = output else {
            return Err(Error::internal("file: it takes bytes, and got rows"));
        };
        if rows > 0 {
            self.rows += rows as u64;
            self.open().await?.add(rows, &bytes).await?;
        }
        Ok(())
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        if matches!(self.plan, Plan::Batches) {
            self.open().await?;
        }
        let due = self.is_due(epoch);
        let mut token = Vec::new();
        if let Some(mut open) = self.open.take() {
            open.staged.sync().await?;
            open.since.get_or_insert(epoch.number);
            let finished = self.finished(&open, epoch, due);
            token = serde_json::to_vec(&finished)
                .map_err(|error| Error::internal("file: a token").because(error))?;
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.prepared = (!due).then_some((epoch.number, finished));
            progress.has_more |= self.rows > 0;
            if !due {
                self.open = Some(open);
            }
        }
        let synced = self.paths.steps.sync(&self.paths.staging);
        synced.map_err(failed("write", &self.paths.staging))?;
        Ok(Prepared {
            lane: self.lane,
            rows: std::mem::take(&mut self.rows),
            token,
        })
    }
}
