//! Rows to records.

use arrow::array::{BinaryArray, StructArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Column, Error, Result};

use super::encode;
use super::fit::{PutField, fit};
use super::make::typed;
use super::{AvroSchema, Wire};
use crate::Encoder;
use crate::format::apart::Apart;

/// Writes each row by a schema, behind the schema's id if it has one.
pub(in crate::format) struct AvroEncoder {
    fields: Vec<PutField>,
    /// The columns as they are read: of the types that SQL names.
    columns: Fields,
    prefix: Vec<u8>,
}

/// An encoder of rows by that schema, each behind the id that the schema has in a registry.
///
/// # Errors
/// `Invalid` if the columns do not fit the schema, or the id the wire.
pub fn avro_encoder(
    schema: &AvroSchema,
    id: Option<(Wire, u64)>,
    columns: &SchemaRef,
) -> Result<Box<dyn Encoder>> {
    let prefix = match id {
        Some((wire, id)) => wire.prefix(id).ok_or_else(|| {
            Error::invalid(format!(
                "the schema has the id {id}, which 4 bytes have no room for: `wire: apicurio` has 8"
            ))
        })?,
        None => Vec::new(),
    };
    Ok(Box::new(AvroEncoder::new(schema, prefix, columns)?))
}

// === impl AvroEncoder ===

impl AvroEncoder {
    pub(in crate::format) fn new(
        schema: &AvroSchema,
        prefix: Vec<u8>,
        columns: &SchemaRef,
    ) -> Result<Self> {
        let known = typed(columns)?;
        for (field, column) in columns.fields().iter().zip(&known) {
            let wanted = column.column_type.to_arrow();
            if !can_cast_types(field.data_type(), &wanted) {
                return Err(Error::invalid(format!(
                    "format `avro`, column `{}`: {} cannot be written: cast it",
                    column.name,
                    field.data_type()
                )));
            }
        }
        Ok(Self {
            fields: fit(schema, &known)?,
            columns: known.iter().map(Column::to_arrow).collect(),
            prefix,
        })
    }
}

impl Encoder for AvroEncoder {
    fn encode(&mut self, _: &RecordBatch, _: &mut Vec<u8>) -> Result<()> {
        Err(Error::internal(
            "records of avro cannot be told apart in one piece of bytes",
        ))
    }

    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray> {
        let columns = batch.columns().iter().zip(&self.columns);
        let columns =
            columns.map(
                |(column, field)| match column.data_type() == field.data_type() {
                    true => Ok(column.clone()),
                    false => Ok(cast(column, field.data_type())?),
                },
            );
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let rows = batch.num_rows();
        let columns = StructArray::try_new_with_length(self.columns.clone(), columns, None, rows)?;
        let mut apart = Apart::with_capacity(rows);
        let mut out = Vec::new();
        for row in 0..rows {
            out.extend_from_slice(&self.prefix);
            encode::row(&self.fields, &columns, row, &mut out).map_err(|reason| {
                Error::invalid(format!("format `avro`: {reason}: a row cannot be written"))
            })?;
            apart.end(out.len());
        }
        apart.finish(out)
    }
}

/// An encoder of bare records whose schema is made of the columns.
pub(in crate::format) fn plain(columns: &SchemaRef) -> Result<AvroEncoder> {
    let schema = AvroSchema::of_columns("row", columns)?;
    AvroEncoder::new(&schema, Vec::new(), columns)
}
