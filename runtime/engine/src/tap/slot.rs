//! The points of an instance in a lane.

use std::sync::Arc;

use azud_model::{Batch, Rejected};

use super::point::Point;
use super::row::{shown, shown_rejected};
use super::taps::{LATE, REJECTED, Taps};

/// Where an instance's rows can be looked at: nowhere, unless [`SlotTaps::new`] says.
#[derive(Default)]
pub(crate) struct SlotTaps {
    taken: Option<Arc<Point>>,
    given: Option<Arc<Point>>,
    rejected: Option<Arc<Point>>,
    late: Option<Arc<Point>>,
}

// === impl SlotTaps ===

impl SlotTaps {
    /// Of a node: what it `takes` where it is a sink, or `gives`, and what it has no use for.
    pub(crate) fn new(taps: &Taps, node: &str, takes: bool, gives: bool) -> Self {
        Self {
            taken: takes.then(|| taps.point(node)),
            given: gives.then(|| taps.point(node)),
            rejected: Some(taps.point(&format!("{node}{REJECTED}"))),
            late: Some(taps.point(&format!("{node}{LATE}"))),
        }
    }

    /// Rows come in.
    pub(crate) fn taken(&self, batch: &Batch) {
        pass(self.taken.as_ref(), batch);
    }

    /// Rows go out. Of a node that gives them in several output modes those of the first one count.
    pub(crate) fn given(&self, port: usize, batch: &Batch) {
        pass(self.given.as_ref().filter(|_| port == 0), batch);
    }

    /// Rows have come too late.
    pub(crate) fn late(&self, batch: &Batch) {
        pass(self.late.as_ref(), batch);
    }

    /// A row is rejected, whatever becomes of it.
    pub(crate) fn rejected(&self, rejected: &Rejected) {
        if let Some(point) = &self.rejected {
            point.pass(1, |_| shown_rejected(rejected).ok());
        }
    }
}

fn pass(point: Option<&Arc<Point>>, batch: &Batch) {
    if let Some(point) = point {
        point.pass(batch.rows(), |row| Some(shown(batch, row)));
    }
}
