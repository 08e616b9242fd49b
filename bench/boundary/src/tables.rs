//! The batches that are measured.

use std::sync::Arc;

use anyhow::Result;
use arrow::{
    array::{
        ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema},
};

const WORDS: [&str; 12] = [
    "the",
    "weir",
    "raises",
    "a",
    "river",
    "into",
    "irrigation",
    "channels",
    "and",
    "water",
    "runs",
    "down",
];

/// One binary column of 100 bytes a row.
pub(crate) fn bytes(rows: usize) -> Result<RecordBatch> {
    let values = BinaryArray::from_iter_values((0..rows).map(|row| [row as u8; 100]));
    table([("value", Arc::new(values) as ArrayRef)])
}

/// Text, a number that is null in one row of ten, a time; 44 % are above 50.
pub(crate) fn amounts(rows: usize) -> Result<RecordBatch> {
    let users = StringArray::from_iter_values((0..rows).map(|row| format!("user-{}", row % 1_000)));
    let amounts = Int64Array::from_iter(
        (0..rows).map(|row| (row % 10 != 3).then_some((row * 37 % 100) as i64)),
    );
    let times =
        TimestampMicrosecondArray::from_iter_values((0..rows as i64).map(|row| row * 1_000))
            .with_timezone("UTC");
    table([
        ("user", Arc::new(users) as ArrayRef),
        ("amount", Arc::new(amounts)),
        ("ts", Arc::new(times)),
    ])
}

/// Lines of twelve words, and the number of words.
pub(crate) fn lines(rows: usize) -> Result<(RecordBatch, usize)> {
    let line = |row: usize| {
        let words: Vec<_> = WORDS
            .iter()
            .cycle()
            .skip(row % WORDS.len())
            .step_by(5)
            .take(12)
            .copied()
            .collect();
        words.join(" ")
    };
    let lines = StringArray::from_iter_values((0..rows).map(line));
    Ok((table([("value", Arc::new(lines) as ArrayRef)])?, rows * 12))
}

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch> {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, DataType::clone(column.data_type()), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}
