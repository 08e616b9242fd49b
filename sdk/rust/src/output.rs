//! What becomes of a batch: rows kept, rows rejected, columns computed.

use crate::{Batch, Builder, Error, Field, Key, Result, Type, schema};

/// A row that can never be processed, and why.
pub(crate) struct Rejected {
    pub(crate) row: u32,
    pub(crate) reason: String,
}

/// The output of a batch, as [`Transform::process`](crate::Transform::process)
/// makes it.
pub struct Output<'a> {
    columns: &'a [Computed],
    set: Vec<Option<(usize, Vec<Vec<u8>>)>>,
    pub(crate) input_rows: usize,
    /// Which input row each output row comes from, as little-endian u32s.
    rows: Vec<u8>,
    /// The number of output rows that come from no row in particular.
    unrelated: Option<usize>,
    rejected: Vec<Rejected>,
}

/// A computed column and how many buffers it has.
pub(crate) struct Computed {
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) buffers: usize,
}

/// An output in the shape that crosses the boundary.
pub(crate) struct Finished {
    pub(crate) row_count: usize,
    pub(crate) rows: Vec<u8>,
    pub(crate) buffers: Vec<Vec<u8>>,
    pub(crate) rejected: Vec<Rejected>,
}

// === impl Computed ===

impl Computed {
    /// The column of a field, which its descendants follow.
    pub(crate) fn of(fields: &Vec<Field>) -> Self {
        let first = fields.first();
        Self {
            name: first.map(|field| field.name.clone()).unwrap_or_default(),
            format: first.map(|field| field.format.clone()).unwrap_or_default(),
            buffers: fields
                .iter()
                .map(|field| schema::buffers(&field.format))
                .sum(),
        }
    }
}

// === impl Output ===

impl<'a> Output<'a> {
    pub(crate) fn new(columns: &'a [Computed], batch: &Batch) -> Self {
        Self {
            columns,
            set: columns.iter().map(|_| None).collect(),
            input_rows: batch.rows(),
            rows: Vec::with_capacity(batch.rows() * 4),
            unrelated: None,
            rejected: Vec::new(),
        }
    }

    /// Adds an output row that comes from input row `row`. Any order, any number
    /// of times: carried columns follow.
    #[inline(always)]
    pub fn keep(&mut self, row: usize) {
        self.rows.extend_from_slice(&(row as u32).to_le_bytes());
    }

    /// Adds all input rows, in order.
    pub fn keep_all(&mut self) {
        (0..self.input_rows).for_each(|row| self.keep(row));
    }

    /// The number of rows kept so far.
    pub fn kept(&self) -> usize {
        self.rows.len() / 4
    }

    /// Makes room for `rows` more rows: worth it where one row becomes many.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows * 4);
    }

    /// Forgets the kept rows from number `kept` on: a row that turned out bad
    /// after some of its output was made.
    pub fn truncate(&mut self, kept: usize) {
        self.rows.truncate(kept * 4);
    }

    /// Declares `rows` output rows that come from no input row in particular.
    /// Only where nothing is carried.
    pub fn unrelated(&mut self, rows: usize) {
        self.unrelated = Some(rows);
    }

    /// Says that input row `row` can never be processed: it goes to the dead
    /// letters with this reason. It must not be kept as well.
    pub fn reject(&mut self, row: usize, reason: impl Into<String>) {
        self.rejected.push(Rejected {
            row: row as u32,
            reason: reason.into(),
        });
    }

    /// Sets a computed column, by name or by its place among the computed ones.
    pub fn set<T: Type>(&mut self, key: impl Key, builder: Builder<T>) -> Result<()> {
        let at = self.find(key)?;
        if let Some(column) = self
            .columns
            .get(at)
            .filter(|column| !T::accepts(&column.format))
        {
            let found = crate::schema::name_of(&column.format);
            return Err(Error::new(format!(
                "column `{}` was announced as {found}, not {}",
                column.name,
                T::NAME
            )));
        }
        let rows = builder.len();
        self.put(at, rows, builder.finish())
    }

    /// Sets a computed column of any type from its Arrow buffers.
    pub fn set_buffers(&mut self, key: impl Key, rows: usize, buffers: Vec<Vec<u8>>) -> Result<()> {
        let at = self.find(key)?;
        self.put(at, rows, buffers)
    }

    pub(crate) fn finish(mut self) -> Result<Finished> {
        let row_count = self.unrelated.unwrap_or(self.kept());
        let mut buffers =
            Vec::with_capacity(self.columns.iter().map(|column| column.buffers).sum());
        for (column, set) in self.columns.iter().zip(std::mem::take(&mut self.set)) {
            let name = &column.name;
            let (rows, of_column) = set.ok_or_else(|| {
                Error::new(format!(
                    "column `{name}` was announced in `open` and not set"
                ))
            })?;
            if rows != row_count {
                return Err(Error::new(format!(
                    "column `{name}` has {rows} values for {row_count} output rows"
                )));
            }
            buffers.extend(of_column);
        }
        // No rows at all is the shortest way to say "as they came".
        if self.unrelated.is_some() || self.is_identity() {
            self.rows = Vec::new();
        }
        Ok(Finished {
            row_count,
            rows: self.rows,
            buffers,
            rejected: self.rejected,
        })
    }

    fn is_identity(&self) -> bool {
        let rows = self.rows.as_chunks().0.iter().enumerate();
        self.kept() == self.input_rows
            && rows.fold(true, |same, (at, row)| {
                same & (u32::from_le_bytes(*row) as usize == at)
            })
    }

    fn find(&self, key: impl Key) -> Result<usize> {
        key.find(self.columns.iter().map(|column| column.name.as_str()))
            .ok_or_else(|| {
                Error::new(format!(
                    "column {} was not announced in `open`",
                    key.describe()
                ))
            })
    }

    fn put(&mut self, at: usize, rows: usize, buffers: Vec<Vec<u8>>) -> Result<()> {
        if let (Some(slot), Some(column)) = (self.set.get_mut(at), self.columns.get(at)) {
            if column.buffers != buffers.len() {
                let (name, due, given) = (&column.name, column.buffers, buffers.len());
                return Err(Error::new(format!(
                    "column `{name}` has {due} buffers, not {given}"
                )));
            }
            *slot = Some((rows, buffers));
        }
        Ok(())
    }
}
