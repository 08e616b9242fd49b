//! What a run has done, for the line at its end.

use std::collections::BTreeMap;
use std::fmt;

use azud_engine::EpochReport;

/// Counts over all epochs.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    epochs: u64,
    records: u64,
    rejected: BTreeMap<String, u64>,
    late: BTreeMap<String, u64>,
}

// === impl Totals ===

impl Totals {
    pub(crate) fn add(&mut self, report: &EpochReport) {
        self.epochs += 1;
        self.records += report.num_input_rows;
        for node in report.nodes.iter().filter(|node| node.rejected > 0) {
            *self.rejected.entry(node.name.clone()).or_default() += node.rejected;
        }
        for node in report.nodes.iter().filter(|node| node.late > 0) {
            *self.late.entry(node.name.clone()).or_default() += node.late;
        }
    }
}

/// `3 epochs, 409 records, 48 rejected by rows, 2 too late for sums`.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        let (epochs, records) = (self.epochs, self.records);
        write!(
            f,
            "{epochs} epoch{}, {records} record{}",
            plural(epochs),
            plural(records)
        )?;
        for (node, rejected) in &self.rejected {
            write!(f, ", {rejected} rejected by {node}")?;
        }
        for (node, late) in &self.late {
            write!(f, ", {late} too late for {node}")?;
        }
        Ok(())
    }
}
