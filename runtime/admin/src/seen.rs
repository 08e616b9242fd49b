//! What epochs have reported so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_engine::{EpochReport, NodeReport};
use azud_model::iso_micros;

use crate::answers::{NodeStatus, Status, WatermarkStatus};

/// Counts over the epochs of a run; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Status>>);

// === impl Seen ===

impl Seen {
    /// Of a pipeline of that name.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Mutex::new(Status {
            name: name.to_owned(),
            ..Status::default()
        })))
    }

    /// Adds a committed epoch.
    pub fn add(&self, report: &EpochReport) {
        let mut status = self.lock();
        status.epoch = Some(report.batch_id);
        status.records += report.num_input_rows;
        status.records_per_second = report.processed_rows_per_second;
        let watermarks = report.times.iter().map(|time| WatermarkStatus {
            source: time.source.clone(),
            watermark: time.watermark.map(iso_micros),
            idle: time.idle,
        });
        status.watermarks = watermarks.collect();
        let is_same = |(node, of): (&NodeStatus, &NodeReport)| node.name == of.name;
        let zipped = status.nodes.iter().zip(&report.nodes);
        if status.nodes.len() != report.nodes.len() || !zipped.into_iter().all(is_same) {
            // The manifest has changed: those that are still there count on.
            let mut before = std::mem::take(&mut status.nodes);
            let nodes = report.nodes.iter().map(|of| {
                let found = before.iter().position(|node| node.name == of.name);
                let found = found.map(|found| before.swap_remove(found));
                found.unwrap_or_else(|| NodeStatus {
                    name: of.name.clone(),
                    ..NodeStatus::default()
                })
            });
            status.nodes = nodes.collect();
        }
        for (node, of) in status.nodes.iter_mut().zip(&report.nodes) {
            node.rows_in += of.rows_in;
            node.rows_out += of.rows_out;
            node.rejected += of.rejected;
            node.late += of.late;
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
