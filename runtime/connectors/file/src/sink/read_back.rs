//! What the sink has committed, as the source of this connector reads it.

use arrow::datatypes::SchemaRef;
use azud_connect::{
    Format, FormatOptions, LARGEST_MAX_RECORD, ReadBack, SinkContext, SourceContext,
};
use azud_model::{Column, ColumnType, Error, Result};
use serde_json::json;

use crate::{list, source};

/// The files of committed epochs: what is not committed has hidden names.
pub(super) fn read_back(
    context: &SinkContext,
    given: &str,
    is_batches: bool,
    schema: &SchemaRef,
) -> Result<Option<ReadBack>> {
    let format: Format = context.format.parse()?;
    if !matches!(format, Format::Json | Format::Csv) {
        return Ok(None);
    }
    let columns = schema.fields().iter().map(|field| {
        let column_type = ColumnType::from_arrow(field.data_type());
        let column_type = column_type.ok_or_else(|| {
            let (name, other) = (field.name(), field.data_type());
            Error::invalid(format!(
                "file: the column `{name}` is a {other}, which is not read"
            ))
        })?;
        Ok(Column {
            name: field.name().clone(),
            column_type,
        })
    });
    let format = FormatOptions {
        format,
        schema: columns.collect::<Result<_>>()?,
        header: !context.header.is_empty(),
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    };
    let place = glob::Pattern::escape(given.trim_end_matches('/'));
    let path = match is_batches {
        true => format!("{place}-[0-9]*/part-*"),
        false => format!("{place}/part-*.{}", list::extension(&context.format)),
    };
    let reads = SourceContext {
        pipeline: context.pipeline.clone(),
        node: context.node.clone(),
        directory: context.directory.clone(),
        lanes: 1,
        finite: true,
        framing: format.framing(),
        metadata: Vec::new(),
        clock: context.clock.clone(),
    };
    // A record may be as long as its source allows, and is base64 here.
    let options = json!({ "path": path, "max_line": LARGEST_MAX_RECORD.to_string() });
    let source = source::make(options, reads)?;
    Ok(Some(ReadBack { source, format }))
}
