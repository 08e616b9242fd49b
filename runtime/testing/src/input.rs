//! `input`: what a source gives.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_connect::{BadRecord, Decoder, Format, Payload, Records, decoder};
use azud_engine::SourceShape;
use azud_manifest::TestRow;
use azud_model::Partition;
use serde_json::Value;

use crate::columns::Columns;
use crate::fault::Fault;
use crate::feed::Steps;

/// The partition that all rows of a test come from.
pub(crate) const PARTITION: &str = "input";

/// Reads the rows of one source.
struct Rows<'a> {
    partition: Arc<Partition>,
    shape: &'a SourceShape,
    /// The source's columns, each of which may be null.
    schema: SchemaRef,
    columns: Columns,
    /// `None`: the source makes typed rows itself.
    decoder: Option<Box<dyn Decoder>>,
}

/// What became of one row of `input`.
enum Item {
    Row(RecordBatch),
    /// A record that the format cannot decode, and why.
    Bad(Vec<u8>, String),
    /// The format leaves such a record out: a blank line of json.
    Nothing,
}

/// The rows of a source, one list a step, as the engine takes them.
pub(crate) fn steps(
    source: &str,
    shape: &SourceShape,
    steps: &[&[TestRow]],
) -> Result<Steps, Fault> {
    let whole = |error: azud_model::Error| {
        let span = steps.iter().find_map(|rows| rows.first());
        let span = span.map(|row| row.value.span).unwrap_or_default();
        Fault::new(span, error.to_string()).within(&format!("source `{source}`"))
    };
    let mut rows = Rows::new(source, shape).map_err(whole)?;
    let mut first = 1;
    let mut all = Steps::new();
    for (number, step) in steps.iter().enumerate() {
        let place = |row: usize| match steps.len() {
            1 => format!("source `{source}`, row {}", row + 1),
            _ => format!("source `{source}`, step {}, row {}", number + 1, row + 1),
        };
        let items = step.iter().enumerate().map(|(number, row)| {
            let item = rows.item(row);
            item.map_err(|fault| fault.within(&place(number)))
        });
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let count = items.len() as u64;
        all.push(rows.records(items, first).map_err(whole)?);
        first += count;
    }
    Ok(all)
}

// === impl Rows ===

impl<'a> Rows<'a> {
    fn new(source: &str, shape: &'a SourceShape) -> azud_model::Result<Self> {
        let fields = shape.schema.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
        Ok(Self {
            partition: Arc::new(Partition {
                source: source.to_owned(),
                name: PARTITION.to_owned(),
            }),
            shape,
            schema: Arc::new(Schema::new(fields.collect::<Vec<Field>>())),
            columns: Columns::new(&shape.schema, shape.format.as_ref())?,
            decoder: shape.format.as_ref().map(decoder).transpose()?,
        })
    }

    fn item(&mut self, row: &TestRow) -> Result<Item, Fault> {
        let fault = |error: &dyn std::fmt::Display| Fault::new(row.value.span, error.to_string());
        let Value::String(text) = &row.value.value else {
            let batch = self.columns.read(row)?;
            let batch = RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec());
            return batch.map(Item::Row).map_err(|error| fault(&error));
        };
        let records = self.one(text);
        let Some(decoder) = &mut self.decoder else {
            let help = "write a map of its columns: { column: value }";
            let message = "the source makes typed rows, and has no format to decode a string";
            return Err(Fault::new(row.value.span, message).with_help(help));
        };
        if self
            .shape
            .format
            .as_ref()
            .is_some_and(|format| format.format == Format::Avro)
        {
            let help = "write a map of its columns: { column: value }";
            let message = "records of avro are binary, and a string is none of them";
            return Err(Fault::new(row.value.span, message).with_help(help));
        }
        let decoded = records.and_then(|records| decoder.decode(&records));
        let decoded = decoded.map_err(|error| fault(&error))?;
        Ok(match decoded.bad.into_iter().next() {
            Some(bad) => Item::Bad(record(text).as_bytes().to_vec(), bad.reason),
            None if decoded.batch.rows() == 0 => Item::Nothing,
            None => Item::Row(decoded.batch.columns().clone()),
        })
    }

    /// A record of this text, of which the system knows nothing else.
    fn one(&self, text: &str) -> azud_model::Result<Records> {
        let keep = self.shape.format.iter().flat_map(|format| &format.keep);
        let keep: Vec<Field> = keep.map(azud_model::Column::to_arrow).collect();
        let nulls = keep
            .iter()
            .map(|field| new_null_array(field.data_type(), 1));
        let metadata = match keep.is_empty() {
            true => None,
            false => {
                let nulls = nulls.collect();
                Some(RecordBatch::try_new(Arc::new(Schema::new(keep)), nulls)?)
            }
        };
        Ok(Records {
            metadata,
            ..self.empty([record(text)].iter().collect(), 1)
        })
    }

    /// One piece for all rows, but that a record that is left out parts them: so each keeps the
    /// position that it has in the test.
    fn records(&self, items: Vec<Item>, mut first: u64) -> azud_model::Result<VecDeque<Records>> {
        let mut all = VecDeque::new();
        let mut piece = Vec::new();
        for item in items {
            if !matches!(item, Item::Nothing) {
                piece.push(item);
                continue;
            }
            let count = piece.len() as u64;
            all.extend(self.piece(std::mem::take(&mut piece), first)?);
            first += count + 1;
        }
        all.extend(self.piece(piece, first)?);
        Ok(all)
    }

    fn piece(&self, items: Vec<Item>, first: u64) -> azud_model::Result<Option<Records>> {
        if items.is_empty() {
            return Ok(None);
        }
        let columns = self.schema.fields().iter();
        let nulls = columns.map(|field| new_null_array(field.data_type(), 1));
        let nulls = RecordBatch::try_new(self.schema.clone(), nulls.collect())?;
        let mut rows = Vec::new();
        let mut bytes = Vec::new();
        let mut bad = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Item::Row(row) => {
                    rows.push(row.with_schema(self.schema.clone())?);
                    bytes.push(Vec::new());
                }
                Item::Bad(record, reason) => {
                    rows.push(nulls.clone());
                    bytes.push(record);
                    bad.push(BadRecord { index, reason });
                }
                Item::Nothing => {}
            }
        }
        Ok(Some(Records {
            bad,
            metadata: Some(concat_batches(&self.schema, &rows)?),
            ..self.empty(bytes.iter().collect(), first)
        }))
    }

    fn empty(&self, payload: Payload, first: u64) -> Records {
        Records {
            partition: self.partition.clone(),
            first,
            positions: None,
            payload,
            bad: Vec::new(),
            header: None,
            metadata: None,
        }
    }
}

/// A record has no line end: that of a YAML block (`|`) is no part of it.
fn record(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
