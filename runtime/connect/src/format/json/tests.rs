mod bad;
mod oracle;
mod write;

use std::sync::Arc;

use azud_model::{Column, Partition};

use crate::{Decoded, Decoder, Format, FormatOptions, Records, decoder};

pub(super) fn records(lines: &[&[u8]]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: "in".into(),
            name: "a.json".into(),
        }),
        first: 1,
        positions: None,
        payload: lines.iter().collect(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// Columns from `a: int, b: string` written as pairs.
pub(super) fn reader(schema: &[(&str, &str)]) -> Box<dyn Decoder> {
    let schema = schema
        .iter()
        .map(|(name, column_type)| Column {
            name: (*name).to_owned(),
            column_type: column_type.parse().unwrap(),
        })
        .collect();
    decoder(&FormatOptions {
        format: Format::Json,
        schema,
        header: false,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    })
    .unwrap()
}

pub(super) fn decode(schema: &[(&str, &str)], lines: &[&str]) -> Decoded {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    reader(schema).decode(&records(&lines)).unwrap()
}
