//! From dead letters to what lanes are given.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use azud_connect::{Format, FormatOptions, Payload, Records, decoder};
use azud_model::{Batch, Column, ColumnType, Error, Origin, Partition, Result};
use azud_state::ReplayRow;

use super::Given;
use super::inlets::{Inlet, Inlets, RowsInlet};

/// Rows as they are given, and those that cannot be, each with its number and the reason.
#[derive(Debug, Default)]
pub(super) struct Entering {
    pub(super) given: Vec<Given>,
    pub(super) refused: Vec<(usize, String)>,
}

/// Reads rows for the inlets that they enter by.
///
/// # Errors
/// `Internal` only: a row that does not fit is refused.
pub(super) fn enter<'a>(
    inlets: &Inlets,
    rows: impl IntoIterator<Item = &'a ReplayRow>,
) -> Result<Entering> {
    let mut entering = Entering::default();
    // Rows that come after one another and are alike are one batch: a plugin is called once.
    let mut alike = Vec::new();
    for (number, row) in rows.into_iter().enumerate() {
        match one(inlets, row)? {
            Ok(given) => {
                if !alike.last().is_none_or(|last| are_alike(last, &given)) {
                    entering.given.extend(united(&mut alike)?);
                }
                alike.push(given);
            }
            Err(why) => entering.refused.push((number, why)),
        }
    }
    entering.given.extend(united(&mut alike)?);
    Ok(entering)
}

fn are_alike(left: &Given, right: &Given) -> bool {
    match (left, right) {
        (
            Given::Rows {
                instance,
                input,
                batch,
                ..
            },
            Given::Rows {
                instance: other,
                input: of_other,
                batch: rows,
                ..
            },
        ) => instance == other && input == of_other && batch.is_alike(rows),
        _ => false,
    }
}

/// All of what is alike as one, if there is something.
fn united(alike: &mut Vec<Given>) -> Result<Option<Given>> {
    let mut all = std::mem::take(alike).into_iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    let Given::Rows {
        instance,
        input,
        exchange,
        batch,
    } = first
    else {
        return Ok(Some(first));
    };
    let others = all.filter_map(|given| match given {
        Given::Rows { batch, .. } => Some(batch),
        Given::Records { .. } => None,
    });
    let batches: Vec<Batch> = std::iter::once(batch).chain(others).collect();
    let batch = Batch::concat(&batches)?;
    let batch = batch.ok_or_else(|| Error::internal("rows that are alike cannot be united"))?;
    Ok(Some(Given::Rows {
        instance,
        input,
        exchange,
        batch,
    }))
}

fn one(inlets: &Inlets, row: &ReplayRow) -> Result<Result<Given, String>> {
    let inlet = match inlets.find(row) {
        Ok(inlet) => inlet,
        Err(why) => return Ok(Err(why)),
    };
    let (partition, position) = match place(row) {
        Ok(place) => place,
        Err(why) => return Ok(Err(why)),
    };
    match inlet {
        Inlet::Closed(why) => Ok(Err(why)),
        Inlet::Source { instance, format } => {
            if !partition.is_known() {
                let why = "it is a record of a source, and does not say of which partition";
                return Ok(Err(why.to_owned()));
            }
            Ok(Ok(Given::Records {
                instance,
                records: Box::new(records(row, partition, position, &format)?),
                attempt: row.attempt,
            }))
        }
        Inlet::Rows(inlet) => Ok(read(row, &inlet)?.and_then(|columns| {
            let origin = Origin {
                partition: Arc::new(partition),
                positions: UInt64Array::from(vec![position]),
                attempt: row.attempt,
            };
            let batch = Batch::new(columns, Some(origin)).map_err(|error| error.to_string())?;
            Ok(Given::Rows {
                instance: inlet.instance,
                input: inlet.input,
                exchange: inlet.exchange.clone(),
                batch,
            })
        })),
    }
}

/// Where a row came from: all of it is known, or nothing.
fn place(row: &ReplayRow) -> Result<(Partition, u64), String> {
    let (Some(source), Some(name), Some(position)) = (&row.source, &row.partition, &row.position)
    else {
        return Ok((Partition::none(), 0));
    };
    let number = position.parse();
    let number = number.map_err(|_| format!("its position `{position}` is no number"))?;
    let partition = Partition {
        source: source.clone(),
        name: name.clone(),
    };
    Ok((partition, number))
}

/// The record as its source gave it.
fn records(
    row: &ReplayRow,
    partition: Partition,
    position: u64,
    format: &FormatOptions,
) -> Result<Records> {
    // Only files keep a column beside the record here, and that is the partition.
    let metadata = match format.keep.is_empty() {
        true => None,
        false => {
            let fields: Vec<Field> = format.keep.iter().map(Column::to_arrow).collect();
            let path: StringArray = vec![Some(partition.name.as_str()); 1].into();
            let columns = fields.iter().map(|_| Arc::new(path.clone()) as _).collect();
            Some(RecordBatch::try_new(
                Arc::new(Schema::new(fields)),
                columns,
            )?)
        }
    };
    Ok(Records {
        partition: Arc::new(partition),
        first: position,
        positions: None,
        payload: [&row.value].into_iter().collect(),
        bad: Vec::new(),
        header: None,
        metadata,
    })
}

/// The row as columns.
fn read(row: &ReplayRow, inlet: &RowsInlet) -> Result<Result<RecordBatch, String>> {
    let columns = inlet.schema.fields().iter().map(|field| {
        Some(Column {
            name: field.name().clone(),
            column_type: ColumnType::from_arrow(field.data_type())?,
        })
    });
    let Some(columns) = columns.collect::<Option<Vec<_>>>() else {
        return Ok(Err(
            "a column of its node has a type that JSON cannot say".to_owned()
        ));
    };
    let mut decoder = decoder(&FormatOptions {
        format: Format::Json,
        schema: columns,
        header: false,
        keep: Vec::new(),
        payload: String::new(),
        payload_at: 0,
        avro: None,
    })?;
    let payload: Payload = [&row.value].into_iter().collect();
    let decoded = decoder.decode(&Records {
        partition: Arc::new(Partition::none()),
        first: 0,
        positions: None,
        payload,
        bad: Vec::new(),
        header: None,
        metadata: None,
    })?;
    if let Some(bad) = decoded.bad.first() {
        return Ok(Err(format!(
            "its value does not fit the node now: {}",
            bad.reason
        )));
    }
    let columns = decoded.batch.columns();
    if columns.num_rows() != 1 {
        return Ok(Err(format!("its value is {} rows", columns.num_rows())));
    }
    let wanted = inlet.schema.fields().iter().zip(columns.columns());
    let as_they_are = wanted.map(
        |(field, column)| match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            false => exact(column, field.data_type()),
        },
    );
    let as_they_are = as_they_are.collect::<Result<Vec<_>>>();
    let whole =
        as_they_are.and_then(|columns| Ok(RecordBatch::try_new(inlet.schema.clone(), columns)?));
    Ok(whole.map_err(|error| format!("its value does not fit the node now: {error}")))
}

/// The same values in another layout of their type.
fn exact(column: &arrow::array::ArrayRef, to: &DataType) -> Result<arrow::array::ArrayRef> {
    let cast_there = cast(column, to)?;
    match cast(&cast_there, column.data_type())?.to_data() == column.to_data() {
        true => Ok(cast_there),
        false => Err(Error::data(format!("a value is no {to}"))),
    }
}
