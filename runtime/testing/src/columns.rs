//! Typed rows: maps of a test, read as rows of a node's columns.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use azud_connect::{Decoder, Format, FormatOptions, Payload, Records, decoder};
use azud_manifest::{TestRow, did_you_mean};
use azud_model::{Column, ColumnType, Partition};
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::literal::{self, quoted};

/// Reads maps as rows of some columns.
pub(crate) struct Columns {
    /// Every column; without a type where SQL has no name for it.
    names: Vec<(String, Option<ColumnType>)>,
    decoder: Box<dyn Decoder>,
}

// === impl Columns ===

impl Columns {
    /// The columns of `schema`; `format` says in which unit numbers are read as timestamps.
    pub(crate) fn new(
        schema: &SchemaRef,
        format: Option<&FormatOptions>,
    ) -> azud_model::Result<Self> {
        let declared = |name: &str| {
            let mut columns = format.iter().flat_map(|format| &format.schema);
            columns.find(|column| column.name == name)
        };
        let fields = schema.fields().iter();
        let names: Vec<_> = fields
            .map(|field| {
                let column_type = match declared(field.name()) {
                    Some(column) => Some(column.column_type.clone()),
                    None => ColumnType::from_arrow(field.data_type()),
                };
                (field.name().clone(), column_type)
            })
            .collect();
        let readable = names.iter().filter_map(|(name, column_type)| {
            Some(Column {
                name: name.clone(),
                column_type: column_type.clone()?,
            })
        });
        let decoder = decoder(&FormatOptions {
            format: Format::Json,
            schema: readable.collect(),
            header: false,
            keep: Vec::new(),
            payload: "value".to_owned(),
            payload_at: 0,
            avro: None,
        })?;
        Ok(Self { names, decoder })
    }

    /// The map as a row: a key that is missing is null. Columns of types that SQL has no name for
    /// are left out.
    pub(crate) fn read(&mut self, row: &TestRow) -> Result<RecordBatch, Fault> {
        let Value::Object(values) = &row.value.value else {
            let help = "write a map of its columns: { column: value }";
            return Err(Fault::new(row.value.span, "the row is no map").with_help(help));
        };
        let json = self.json(row, values)?;
        let records = Records {
            partition: Arc::new(Partition {
                source: String::new(),
                name: String::new(),
            }),
            first: 1,
            positions: None,
            payload: [json].iter().collect::<Payload>(),
            bad: Vec::new(),
            header: None,
            metadata: None,
        };
        let decoded = self.decoder.decode(&records);
        let decoded = decoded.map_err(|error| Fault::new(row.value.span, error.to_string()))?;
        if let Some(bad) = decoded.bad.first() {
            return Err(misfit(row, values, &bad.reason));
        }
        Ok(decoded.batch.columns().clone())
    }

    fn json(&self, row: &TestRow, values: &Map<String, Value>) -> Result<String, Fault> {
        let mut json = String::from("{");
        for (number, (key, value)) in values.iter().enumerate() {
            let fault = |message: String| Fault::new(row.column_span(key), message);
            let found = self.names.iter().find(|(name, _)| name == key);
            let Some((_, column_type)) = found else {
                let names = || self.names.iter().map(|(name, _)| name.as_str());
                let guess = did_you_mean(key, names());
                let columns: Vec<_> = names().collect();
                return Err(fault(format!("there is no column `{key}`{guess}"))
                    .with_help(format!("the columns are {}", columns.join(", "))));
            };
            let Some(column_type) = column_type else {
                return Err(fault(format!(
                    "column `{key}` has a type that cannot be written down: cast it"
                )));
            };
            if number > 0 {
                json.push(',');
            }
            json.push_str(&quoted(key));
            json.push(':');
            literal::write(value, column_type, &mut json)
                .map_err(|reason| fault(format!("column `{key}`: {reason}")))?;
        }
        json.push('}');
        Ok(json)
    }
}

/// The decoder's reason, at the column that it names.
fn misfit(row: &TestRow, values: &Map<String, Value>, reason: &str) -> Fault {
    let named = values
        .keys()
        .find(|key| reason.starts_with(&format!("column `{key}`: ")));
    let span = named.map_or(row.value.span, |key| row.column_span(key));
    let fault = Fault::new(span, reason);
    match named.and_then(|key| values.get(key)) {
        Some(Value::Number(_) | Value::Bool(_)) if reason.ends_with(" is not a string") => {
            fault.with_help("quote it")
        }
        _ => fault,
    }
}
