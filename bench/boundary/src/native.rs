//! The same tasks with Arrow's own kernels.

use std::sync::Arc;

use anyhow::Result;
use arrow::{
    array::{
        Array as _, AsArray as _, Int64Array, RecordBatch, StringArray, StringBuilder, UInt32Array,
    },
    compute::{
        filter_record_batch,
        kernels::{cmp, numeric},
        take_record_batch,
    },
    datatypes::{DataType, Field, Int64Type, Schema},
};

/// Keeps rows with `amount` above 50 and computes its double.
pub(crate) fn double(batch: &RecordBatch) -> Result<RecordBatch> {
    let above = cmp::gt(batch.column(1), &Int64Array::new_scalar(50))?;
    let kept = filter_record_batch(batch, &above)?;
    let doubled = numeric::mul(kept.column(1), &Int64Array::new_scalar(2))?;
    let mut fields = kept.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("doubled", DataType::Int64, true)));
    let mut columns = kept.columns().to_vec();
    debug_assert_eq!(doubled.as_primitive::<Int64Type>().null_count(), 0);
    columns.push(doubled);
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

/// The same as a plugin would write it: row by row, rows that do not fit left out.
pub(crate) fn double_by_rows(batch: &RecordBatch) -> Result<RecordBatch> {
    let amounts = batch.column(1).as_primitive::<Int64Type>();
    let mut kept = Vec::with_capacity(amounts.len());
    let mut doubled = Vec::with_capacity(amounts.len());
    for (row, amount) in amounts.iter().enumerate() {
        let Some(amount) = amount.filter(|amount| *amount > 50) else {
            continue;
        };
        if let Some(double) = amount.checked_mul(2) {
            kept.push(row as u32);
            doubled.push(double);
        }
    }
    let kept = take_record_batch(batch, &UInt32Array::from(kept))?;
    let mut fields = kept.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("doubled", DataType::Int64, false)));
    let mut columns = kept.columns().to_vec();
    columns.push(Arc::new(Int64Array::from(doubled)));
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

/// The words of the lines, and which line each comes from.
pub(crate) fn split(batch: &RecordBatch) -> Result<(StringArray, UInt32Array)> {
    let lines = batch.column(0).as_string::<i32>();
    let mut words = StringBuilder::with_capacity(lines.len() * 12, lines.value_data().len());
    let mut rows = Vec::with_capacity(lines.len() * 12);
    for (row, line) in lines.iter().enumerate() {
        for word in line.unwrap_or_default().split_whitespace() {
            words.append_value(word);
            rows.push(row as u32);
        }
    }
    Ok((words.finish(), rows.into()))
}
