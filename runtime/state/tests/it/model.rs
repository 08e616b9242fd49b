//! What the rows of state must be, computed with maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt8Array, UInt64Array};
use arrow::datatypes::Int64Type;

/// The stateful steps.
pub(crate) const STATES: [&str; 2] = ["sums-0", "sums-1"];

/// Key to value.
pub(crate) type Rows = BTreeMap<i64, i64>;

/// What an epoch changes in a state: the first changes always, the second now and then.
pub(crate) fn changes(state: usize, epoch: u64) -> Rows {
    let number = i64::try_from(epoch).unwrap();
    match (state, epoch % 3) {
        (0, _) => [(number % 5, number), (100 + number, number)].into(),
        (_, 0) => (0..4).map(|key| (key, 1_000 + number)).collect(),
        _ => Rows::new(),
    }
}

/// A state after an epoch.
pub(crate) fn after(state: usize, epoch: u64) -> Rows {
    (0..=epoch)
        .flat_map(|epoch| changes(state, epoch))
        .collect()
}

/// Where each partition goes on after an epoch: five that stay, and files that come and go.
pub(crate) fn places(epoch: u64) -> BTreeMap<String, String> {
    let stays = (0..=epoch).map(|epoch| (format!("topic-{}", epoch % 5), epoch.to_string()));
    let goes = (epoch.saturating_sub(3)..=epoch).map(|file| (format!("in/{file}"), "end".into()));
    stays.chain(goes).collect()
}

/// As a file of state has them.
pub(crate) fn batch(rows: &Rows) -> RecordBatch {
    let groups = rows.keys().map(|key| u8::try_from(*key).unwrap());
    let groups = UInt8Array::from_iter_values(groups);
    let order = UInt64Array::from_iter_values(0..rows.len() as u64);
    let keys = Int64Array::from_iter_values(rows.keys().copied());
    let values = Int64Array::from_iter_values(rows.values().copied());
    RecordBatch::try_from_iter([
        ("_key_group", Arc::new(groups) as ArrayRef),
        ("_order", Arc::new(order) as ArrayRef),
        ("key", Arc::new(keys) as ArrayRef),
        ("value", Arc::new(values) as ArrayRef),
    ])
    .unwrap()
}

/// The pairs of a batch, in its order.
pub(crate) fn pairs(batch: &RecordBatch) -> Vec<(i64, i64)> {
    let column = |name| batch.column_by_name(name).unwrap();
    let keys = column("key").as_primitive::<Int64Type>().values().iter();
    let values = column("value").as_primitive::<Int64Type>().values().iter();
    keys.copied().zip(values.copied()).collect()
}
