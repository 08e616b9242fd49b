//! What a manifest says about a format.

use std::fmt;
use std::str::FromStr;

use azud_model::{Column, Error};

use crate::{AvroReading, Framing};

/// The formats of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One column `value string`: UTF-8.
    Text,
    /// One JSON object a record.
    Json,
    /// Comma-separated values, RFC 4180.
    Csv,
    /// One column `value binary`: anything.
    Raw,
    /// Binary records of a schema.
    Avro,
}

/// What a manifest says about a format.
#[derive(Clone, Debug)]
pub struct FormatOptions {
    /// Which format.
    pub format: Format,
    /// The columns of json and csv; empty for the others.
    pub schema: Vec<Column>,
    /// CSV: whether the first record of a file holds the names.
    pub header: bool,
    /// Columns of the system to carry along (`keep: [path]`), after the format's own.
    pub keep: Vec<Column>,
    /// Raw: the name of the payload's column.
    pub payload: String,
    /// Raw: how many of `keep` come before the payload.
    pub payload_at: usize,
    /// Avro: by which schemas records are read.
    pub avro: Option<AvroReading>,
}

// === impl Format ===

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Raw => "raw",
            Self::Avro => "avro",
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "raw" => Ok(Self::Raw),
            "avro" => Ok(Self::Avro),
            _ => Err(Error::invalid(format!(
                "unknown format `{name}`: one of text, json, csv, raw, avro"
            ))),
        }
    }
}

// === impl FormatOptions ===

impl FormatOptions {
    /// How a source has to cut a byte stream for this format.
    pub fn framing(&self) -> Framing {
        match self.format {
            Format::Csv => Framing::Csv {
                header: self.header,
            },
            Format::Text | Format::Json | Format::Raw | Format::Avro => Framing::Lines,
        }
    }
}
