//! What was given, and what of it has come.

use std::collections::HashMap;

use super::report::{Outcome, some_of};
use crate::{Records, row_json};

/// Holds what comes against what was given: once, and in order in every partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    given: Vec<String>,
    index: HashMap<String, usize>,
    seen: Vec<bool>,
    count: usize,
    partitions: HashMap<String, Last>,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// Which of all given records came last.
    given: usize,
    /// The position after it.
    next: u64,
}

// === impl Ledger ===

impl Ledger {
    /// Notes what the system was given.
    pub(super) fn give(&mut self, records: Vec<String>) {
        for record in records {
            self.index.insert(record.clone(), self.given.len());
            self.given.push(record);
            self.seen.push(false);
        }
    }

    /// Notes what came.
    pub(super) fn take(&mut self, records: &Records) -> Outcome {
        let name = &records.partition.name;
        if records.is_empty() {
            return Err(format!("partition `{name}` gave a chunk without a record"));
        }
        let texts = texts(records)?;
        if let Some(bad) = records.bad.first() {
            let at = records.first + bad.index as u64;
            return Err(format!("record {at} of `{name}` is bad: {}", bad.reason));
        }
        let last = self.partitions.get(name).copied();
        if let Some(last) = last.filter(|last| records.first < last.next) {
            return Err(format!(
                "partition `{name}` gave position {} after it had given all before {}",
                records.first, last.next
            ));
        }
        let mut last = last.map(|last| last.given);
        for text in &texts {
            let found = self.index.get(text).copied();
            let Some(found) = found else {
                return Err(format!(
                    "partition `{name}` gave `{text}`, which nobody gave it"
                ));
            };
            if self.seen.get(found).copied().unwrap_or_default() {
                return Err(format!("partition `{name}` gave `{text}` twice"));
            }
            if last.is_some_and(|last| found < last) {
                return Err(format!(
                    "partition `{name}` gave `{text}` after a later record"
                ));
            }
            if let Some(seen) = self.seen.get_mut(found) {
                *seen = true;
            }
            last = Some(found);
        }
        self.count += texts.len();
        let last = Last {
            given: last.unwrap_or_default(),
            next: records.first + texts.len() as u64,
        };
        self.partitions.insert(name.clone(), last);
        Ok(())
    }

    /// A process starts: one whose partitions are connections counts from the start.
    pub(super) fn count_anew(&mut self) {
        for last in self.partitions.values_mut() {
            last.next = 0;
        }
    }

    /// Whether all has come.
    pub(super) fn is_complete(&self) -> bool {
        self.count == self.given.len()
    }

    /// How many records have come.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What has not come, for a message.
    pub(super) fn missing(&self) -> String {
        let all = self.given.iter().zip(&self.seen);
        let missing: Vec<_> = all
            .filter(|(_, seen)| !**seen)
            .map(|(text, _)| text)
            .collect();
        let (given, count) = (self.given.len(), missing.len());
        format!("{count} of {given} records: {}", some_of(&missing))
    }
}

/// The bytes of each record; of a typed source, the JSON of its row.
fn texts(records: &Records) -> Outcome<Vec<String>> {
    let name = &records.partition.name;
    let (rows, payload) = (records.len(), records.payload.len());
    match &records.metadata {
        Some(metadata) if payload == 0 => {
            let rows = (0..rows).map(|row| row_json(metadata, row));
            Ok(rows.map(|row| lossy(&row)).collect())
        }
        Some(_) if payload != rows => Err(format!(
            "partition `{name}` gave {payload} records and metadata of {rows}"
        )),
        _ => Ok(records.payload.iter().map(lossy).collect()),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
