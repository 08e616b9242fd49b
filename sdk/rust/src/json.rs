//! Rows as JSON, in the form in which Azud's own `format: json` writes them.

mod base64;
mod cells;
mod civil;
mod decimal;
mod leaf;
mod plan;
#[cfg(test)]
mod tests;

use crate::{Batch, Error, Field, Input, Result};
use cells::{Cells, Object};
use plan::Plan;

/// Writes the rows of a sink's batches as JSON objects. Made once, in
/// [`Sink::open`](crate::Sink::open).
///
/// A null column is left out. Numbers, decimals too, are numbers; NaN and the
/// infinities are texts. A timestamp is ISO 8601 in UTC, to the microsecond, with a
/// fraction only where it is not zero; binary is base64; lists are arrays, maps and
/// structs objects. A null is left out of a struct and written in a list or a map.
///
/// ```
/// # use azud_plugin::{Batch, Input, JsonLines, NoConfig, Outcome, Result, Sink};
/// struct Lines {
///     json: JsonLines,
///     text: Vec<u8>,
/// }
///
/// impl Sink for Lines {
///     type Config = NoConfig;
///
///     fn open(_: NoConfig, input: &Input) -> Result<Self> {
///         let json = JsonLines::new(input)?;
///         Ok(Self { json, text: Vec::new() })
///     }
///
///     fn write(&mut self, batch: &Batch) -> Result<Outcome> {
///         let rows = self.json.rows(batch)?;
///         for row in 0..batch.rows() {
///             rows.line(row, &mut self.text);
///         }
///         Ok(Outcome::Accepted)
///     }
/// }
/// # use azud_plugin::{Int64, Utf8, testing::{Table, open_sink}};
/// # let table = Table::new()
/// #     .column("user", Utf8, [Some("ana"), None])
/// #     .column("amount", Int64, [51, 7]);
/// # let mut sink = open_sink::<Lines>("", &table).unwrap();
/// # sink.write(&table).unwrap();
/// # let text = String::from_utf8(sink.sink().text.clone()).unwrap();
/// // {"user":"ana","amount":51}
/// // {"amount":7}
/// # assert_eq!(text, "{\"user\":\"ana\",\"amount\":51}\n{\"amount\":7}\n");
/// ```
pub struct JsonLines {
    columns: Vec<(Vec<Field>, Plan)>,
}

/// The rows of one batch, to be written as JSON.
pub struct JsonRows<'a> {
    object: Object<'a>,
}

// === impl JsonLines ===

impl JsonLines {
    /// Prepares to write all columns of an input.
    ///
    /// Refuses what JSON has no way to write: a time, a duration, a map whose keys are
    /// no texts.
    pub fn new(input: &Input) -> Result<Self> {
        let columns = input.read_all().into_iter().map(|read| {
            let plan = Plan::of(&read.fields).map_err(|reason| {
                let name = &read.name;
                Error::new(format!(
                    "column `{name}` cannot be written as JSON: {reason}"
                ))
            })?;
            Ok((read.fields, plan))
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// The rows of a batch. Refuses one that has not the columns of the input.
    pub fn rows<'a>(&'a self, batch: &Batch<'a>) -> Result<JsonRows<'a>> {
        let same = batch.reads.len() == self.columns.len()
            && batch
                .reads
                .iter()
                .zip(&self.columns)
                .all(|(read, (fields, _))| read.fields == *fields);
        if !same {
            return Err(Error::new(
                "the batch has other columns than the input that the JSON lines were made for",
            ));
        }
        let mut object = Object::default();
        for (place, (_, plan)) in self.columns.iter().enumerate() {
            let mut buffers = batch.buffers(place)?;
            let cells = plan.cells(batch.rows, &mut buffers).ok_or_else(|| {
                Error::new(format!(
                    "column number {place} has not the buffers of its type"
                ))
            })?;
            object.push(plan.key(), cells);
        }
        Ok(JsonRows { object })
    }
}

// === impl JsonRows ===

impl JsonRows<'_> {
    /// Appends a row (from 0) as an object, and a line end.
    pub fn line(&self, row: usize, out: &mut Vec<u8>) {
        self.object(row, out);
        out.push(b'\n');
    }

    /// Appends a row (from 0) as an object.
    pub fn object(&self, row: usize, out: &mut Vec<u8>) {
        self.object.write(row, out);
    }
}
