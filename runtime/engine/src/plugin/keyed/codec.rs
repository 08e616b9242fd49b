//! Rows of states and keys as bytes: Arrow's row format, which is compared and kept as it is.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, Rows, SortField};
use azud_model::{Error, Result, key_bytes};
use azud_operators::canonical;
use azud_sandbox::{KeyedState, StateKind};

/// Columns to bytes, and back.
pub(super) struct Codec {
    converter: RowConverter,
    schema: SchemaRef,
}

/// Rows of one state.
pub(super) struct StateCodec {
    pub(super) rows: Codec,
    /// Of a map, the key of an entry.
    pub(super) entry: Option<Codec>,
    pub(super) kind: StateKind,
    /// Microseconds.
    pub(super) ttl: Option<i64>,
}

// === impl Codec ===

impl Codec {
    /// # Errors
    /// `Invalid` if a column is of a type that cannot be kept.
    pub(super) fn new(schema: SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone()));
        let converter = RowConverter::new(fields.collect());
        let converter = converter.map_err(|error| {
            Error::invalid("a column is of a type that cannot be kept").because(error)
        })?;
        Ok(Self { converter, schema })
    }

    pub(super) fn rows(&self, columns: &[ArrayRef]) -> Result<Rows> {
        Ok(self.converter.convert_columns(columns)?)
    }

    pub(super) fn encode(&self, columns: &[ArrayRef]) -> Result<Vec<Box<[u8]>>> {
        let rows = self.rows(columns)?;
        Ok(rows.iter().map(|row| row.data().into()).collect())
    }

    pub(super) fn decode<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let parser = self.converter.parser();
        let rows: Vec<_> = rows.map(|row| parser.parse(row)).collect();
        let columns = self.converter.convert_rows(rows)?;
        let schema = self.schema.clone();
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

// === impl StateCodec ===

impl StateCodec {
    /// # Errors
    /// As [`Codec::new`].
    pub(super) fn new(state: &KeyedState) -> Result<Self> {
        let entry = match state.kind {
            StateKind::Value | StateKind::List => None,
            StateKind::Map { keys } => {
                let fields = state.columns.fields().iter().take(keys).cloned();
                let schema = Schema::new(fields.collect::<Vec<_>>());
                Some(Codec::new(Arc::new(schema))?)
            }
        };
        Ok(Self {
            rows: Codec::new(state.columns.clone())?,
            entry,
            kind: state.kind,
            ttl: micros(state.ttl),
        })
    }

    pub(super) fn set_ttl(&mut self, ttl: Option<u64>) {
        self.ttl = micros(ttl);
    }

    /// The names of rows as they are kept: those of a map's entries in a form that lasts, that of
    /// Arrow's rows may be another one in its next version.
    pub(super) fn lasting<'a>(
        &self,
        names: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Vec<u8>>> {
        let Some(codec) = &self.entry else {
            return Ok(names.map(<[u8]>::to_vec).collect());
        };
        let rows = names.len();
        key_bytes(codec.decode(names)?.columns(), rows)
    }

    /// For rows of a map, the keys of their entries; else nothing.
    pub(super) fn entries(&self, rows: &RecordBatch) -> Result<Vec<Box<[u8]>>> {
        match self.kind {
            StateKind::Map { keys } => self.entry_names(rows.columns().get(..keys)),
            StateKind::Value | StateKind::List => Ok(Vec::new()),
        }
    }

    /// The keys of entries, of their columns; -0.0 is 0.0, and every NaN is one.
    pub(super) fn entry_names(&self, columns: Option<&[ArrayRef]>) -> Result<Vec<Box<[u8]>>> {
        let columns = columns.unwrap_or_default().iter().map(canonical);
        match &self.entry {
            Some(codec) => codec.encode(&columns.collect::<Vec<_>>()),
            None => Ok(Vec::new()),
        }
    }
}

fn micros(ttl: Option<u64>) -> Option<i64> {
    ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX))
}
