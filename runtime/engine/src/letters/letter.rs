//! One dead letter.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use azud_state::ReplayRow;

/// How much of a digest an id is: 64 bits.
const ID: usize = 16;

/// A rejected row, as a sink has written it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Names it wherever it lies: a digest of all that it says. Of letters that say the same the
    /// second one ends in `-2`, and so on.
    pub id: String,
    /// The sink that has it.
    pub sink: String,
    /// Where it lies: `rejects/part-3-0.json, line 7`.
    pub place: String,
    /// The record as its source gave it, or the row as JSON.
    pub value: Option<Vec<u8>>,
    /// The source, where the row comes from one record.
    pub source: Option<String>,
    /// The partition within the source.
    pub partition: Option<String>,
    /// The position within the partition.
    pub position: Option<String>,
    /// The node that rejected it.
    pub node: String,
    /// Why.
    pub reason: String,
    /// The sha256 of the plugin that rejected it, or failed on it.
    pub plugin: Option<String>,
    /// The epoch in which that happened.
    pub epoch: Option<u64>,
    /// How often it had been offered.
    pub attempt: i32,
}

/// How often letters that say the same have been seen.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<String, u64>);

// === impl Letter ===

impl Letter {
    /// The row of a batch with the columns of every `rejected`.
    pub(super) fn of(batch: &RecordBatch, row: usize, seen: &mut Seen) -> Self {
        let column = |name: &str| {
            let column = batch.column_by_name(name);
            column.filter(|column| column.is_valid(row))
        };
        let text = |name: &str| {
            let column = column(name)?.as_string_opt::<i32>()?;
            Some(column.value(row).to_owned())
        };
        let value = column("value").and_then(|column| column.as_binary_opt::<i32>());
        let epoch = column("epoch").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let attempt = column("attempt").and_then(|column| column.as_primitive_opt::<Int32Type>());
        let mut letter = Self {
            value: value.map(|column| column.value(row).to_vec()),
            source: text("source"),
            partition: text("partition"),
            position: text("position"),
            node: text("node").unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            plugin: text("plugin"),
            epoch: epoch.and_then(|column| u64::try_from(column.value(row)).ok()),
            attempt: attempt.map_or(1, |column| column.value(row)),
            ..Self::default()
        };
        letter.id = seen.name(letter.digest());
        letter
    }

    /// Of all columns, so that one that was edited is another.
    fn digest(&self) -> String {
        let mut bytes = Vec::new();
        let mut add = |part: Option<&[u8]>| {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            bytes.extend(length.to_le_bytes());
            bytes.extend(part.unwrap_or_default());
        };
        fn text(text: Option<&String>) -> Option<&[u8]> {
            text.map(|text| text.as_bytes())
        }
        add(self.value.as_deref());
        add(text(self.source.as_ref()));
        add(text(self.partition.as_ref()));
        add(text(self.position.as_ref()));
        add(text(Some(&self.node)));
        add(text(Some(&self.reason)));
        add(text(self.plugin.as_ref()));
        add(self.epoch.map(u64::to_le_bytes).as_ref().map(|of| &of[..]));
        add(Some(&self.attempt.to_le_bytes()));
        let digest = azud_sandbox::digest(&bytes);
        digest.get(..ID).unwrap_or(&digest).to_owned()
    }

    /// The same to be given to its node again.
    pub fn to_replay(&self) -> ReplayRow {
        ReplayRow {
            id: self.id.clone(),
            node: self.node.clone(),
            value: self.value.clone().unwrap_or_default(),
            source: self.source.clone(),
            partition: self.partition.clone(),
            position: self.position.clone(),
            reason: self.reason.clone(),
            plugin: self.plugin.clone(),
            attempt: self.attempt.max(1).saturating_add(1),
        }
    }
}

// === impl Seen ===

impl Seen {
    fn name(&mut self, digest: String) -> String {
        let count = self.0.entry(digest.clone()).or_default();
        *count += 1;
        match *count {
            1 => digest,
            count => format!("{digest}-{count}"),
        }
    }
}
