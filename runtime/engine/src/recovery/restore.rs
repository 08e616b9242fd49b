//! The state of an instance, as a lane reads it before its first message.

use std::sync::Arc;

use arrow::array::RecordBatch;
use azud_model::Result;
use azud_state::{Checkpoint, StateFile};

use crate::run::Retry;

/// Where a lane finds the state of an instance.
#[derive(Clone)]
pub(crate) struct Restore {
    pub(crate) instance: usize,
    /// Which earlier version has left it, where it is to be converted.
    pub(crate) former: Option<usize>,
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) files: Vec<StateFile>,
    pub(super) in_one_lane: bool,
    /// Rows whose first key is a time before this are forgotten.
    pub(super) forgotten_below: Option<i64>,
}

// === impl Restore ===

impl Restore {
    async fn read(&self, file: &StateFile) -> Result<Vec<RecordBatch>> {
        let mut retry = Retry::new("the checkpoint");
        loop {
            match self.checkpoint.read_state(file).await {
                Ok(batches) => return Ok(batches),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// The rows of a lane, oldest first. Called in the lane's thread.
    pub(crate) fn rows(
        &self,
        lane: usize,
        lanes: usize,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Vec<RecordBatch>> {
        let mut rows = Vec::new();
        for file in &self.files {
            let batches = runtime.block_on(self.read(file))?;
            for batch in batches {
                let own = match self.in_one_lane || lanes <= 1 {
                    true => batch,
                    false => azud_state::of_lane(&batch, lane, lanes)?,
                };
                rows.push(match self.forgotten_below {
                    Some(before) => azud_state::without_forgotten(&own, before)?,
                    None => own,
                });
            }
        }
        Ok(rows)
    }
}
