//! Lines to columns.

use arrow::datatypes::{Field as ArrowField, SchemaRef};
use azud_model::{Column, ColumnType, Error, Result};
use bytes::Bytes;

use super::fields::{Field, FieldsOf};
use super::header::Layout;
use crate::format::column::{Builder, Fields};
use crate::format::decoded::{self, Fate};
use crate::format::misfit::misfit;
use crate::format::text::utf8;
use crate::{Decoded, Decoder, FormatOptions, Records};

pub(in crate::format) struct CsvDecoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    fields: Fields,
    with_header: bool,
    /// The header that the layout was made of.
    header: Option<Bytes>,
    /// Or why no record below such a header can be read.
    layout: Result<Layout, String>,
}

// === impl CsvDecoder ===

impl CsvDecoder {
    pub(in crate::format) fn new(options: &FormatOptions) -> Result<Self> {
        for column in &options.schema {
            if let ColumnType::Array(_) | ColumnType::Map(..) | ColumnType::Struct(_) =
                column.column_type
            {
                return Err(Error::invalid(format!(
                    "format `csv` has no way to write column `{}` of type {}: use json",
                    column.name, column.column_type
                )));
            }
        }
        let own: Vec<ArrowField> = options.schema.iter().map(Column::to_arrow).collect();
        Ok(Self {
            schema: decoded::schema(own, &options.keep),
            columns: options.schema.clone(),
            fields: Fields::new(&options.schema),
            with_header: options.header,
            header: None,
            layout: Ok(Layout::in_order(&options.schema)),
        })
    }

    /// Appends one record, or says why it is bad.
    fn append(&mut self, record: &str) -> Result<(), String> {
        let layout = self.layout.as_ref().map_err(String::clone)?;
        let wanted = layout.columns.len();
        let mut found = 0;
        for field in FieldsOf::new(record) {
            let field = field?;
            if let Some(Some(index)) = layout.columns.get(found)
                && let Some(builder) = self.fields.builders.get_mut(*index)
                && let Some(column) = self.columns.get(*index)
            {
                append_field(builder, column, &field)?;
            }
            found += 1;
        }
        if found != wanted {
            let few = if found < wanted { "few" } else { "many" };
            return Err(format!("too {few} columns: {found} instead of {wanted}"));
        }
        Ok(())
    }
}

/// An empty field is null, as in Spark; `""` is an empty text.
fn append_field(builder: &mut Builder, column: &Column, field: &Field<'_>) -> Result<(), String> {
    let text_type = matches!(column.column_type, ColumnType::String | ColumnType::Binary);
    if field.text.is_empty() && !(field.quoted && text_type) {
        builder.append_null();
        return Ok(());
    }
    if builder.append_plain(&field.text) {
        return Ok(());
    }
    Err(misfit(column, &field.text))
}

impl Decoder for CsvDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        if self.with_header
            && let Some(header) = &records.header
            && self.header.as_ref() != Some(header)
        {
            self.layout = Layout::of_header(header, &self.columns);
            self.header = Some(header.clone());
        }
        let mut row = 0;
        let fate = Fate::of(records, |index| {
            let record = utf8(records.payload.record(index))?;
            if record.is_empty() {
                return Ok(false);
            }
            match self.append(record) {
                Ok(()) => row += 1,
                Err(reason) => {
                    self.fields.truncate(row);
                    return Err(reason);
                }
            }
            Ok(true)
        });
        fate.decoded(&self.schema, self.fields.finish()?)
    }
}
