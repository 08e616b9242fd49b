//! Sliding windows: the rows of several panes are merged by key.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

use super::Windows;
use super::late::timestamps;
use crate::aggregate::{Aggregate, Groups, Put, failed};
use crate::project::record_batch;

/// One row of keys and states for each group of the window that starts at `start`, of all
/// rows of its panes; with `touched` only for groups that the epoch has put.
pub(super) fn merged(
    groups: &Groups,
    windows: Windows,
    start: i64,
    rows: &RecordBatch,
    touched: Option<&Put>,
) -> Result<RecordBatch> {
    let aggregate = groups.aggregate();
    let (keys, states) = groups.split(rows.columns());
    let inner = keys.get(1..).unwrap_or_default();
    let mut numbering = aggregate.inner_keys().map_err(failed)?;
    let mut accumulators = aggregate.accumulators().map_err(failed)?;
    let mut numbers = Vec::new();
    numbering
        .number(inner, rows.num_rows(), &mut numbers)
        .map_err(failed)?;
    let total = match rows.num_rows() {
        0 => 0,
        _ => numbering.len(),
    };
    accumulators
        .merge(states, &numbers, total)
        .map_err(failed)?;
    let of_touched = match touched {
        None => None,
        Some(put) => Some(is_touched(
            aggregate,
            windows,
            start,
            put,
            &mut numbering,
            total,
        )?),
    };
    let mut columns = vec![window_column(keys.first(), start, total)?];
    columns.extend(numbering.take().map_err(failed)?);
    columns.extend(accumulators.take_states().map_err(failed)?);
    // Keys that only the epoch's other panes have come last.
    let columns = columns.iter().map(|column| column.slice(0, total));
    let merged = record_batch(aggregate.state(), columns.collect(), total).map_err(failed)?;
    match of_touched {
        None => Ok(merged),
        Some(touched) => Ok(filter_record_batch(&merged, &touched)?),
    }
}

/// Which groups of a window the epoch has put.
fn is_touched(
    aggregate: &Arc<Aggregate>,
    windows: Windows,
    start: i64,
    put: &Put,
    numbering: &mut crate::aggregate::GroupKeys,
    total: usize,
) -> Result<BooleanArray> {
    let pane = put.rows.columns().first();
    let panes =
        timestamps(pane.ok_or_else(|| Error::internal("a row of a window names no pane"))?)?;
    let range = windows.panes_of(start);
    let own = panes
        .iter()
        .map(|pane| pane.map(|pane| range.contains(&pane)));
    let own = filter_record_batch(&put.rows, &own.collect())?;
    let keys = own.columns().get(1..aggregate.keys()).unwrap_or_default();
    let mut numbers = Vec::new();
    numbering
        .number(keys, own.num_rows(), &mut numbers)
        .map_err(failed)?;
    let mut touched = vec![false; total];
    for number in numbers {
        if let Some(touched) = touched.get_mut(number) {
            *touched = true;
        }
    }
    Ok(touched.into())
}

/// The rows of a window that has one row a group already, as those of that window.
pub(super) fn of_window(start: i64, rows: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = rows.columns().to_vec();
    let window = window_column(columns.first(), start, rows.num_rows())?;
    if let Some(first) = columns.first_mut() {
        *first = window;
    }
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

/// The start of a window, once for each row, in the type of the panes' column.
fn window_column(pane: Option<&ArrayRef>, start: i64, rows: usize) -> Result<ArrayRef> {
    let pane = pane.ok_or_else(|| Error::internal("a row of a window names no pane"))?;
    let starts = TimestampMicrosecondArray::from_value(start, rows);
    Ok(Arc::new(starts.with_data_type(pane.data_type().clone())))
}
