//! A batch of input rows: the columns that the plugin asked for.

use crate::{Column, Error, Field, Result, Type, schema};

/// A column that `process` or `write` is given, and where its buffers are.
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) format: String,
    /// The column's field and its descendants.
    pub(crate) fields: Vec<Field>,
    pub(crate) first_buffer: usize,
    pub(crate) buffers: usize,
}

/// Rows: a transform gets the columns that [`Setup::read`](crate::Setup::read)
/// named, a sink all columns of its [`Input`](crate::Input).
pub struct Batch<'a> {
    pub(crate) rows: usize,
    pub(crate) buffers: &'a [Vec<u8>],
    pub(crate) reads: &'a [Read],
}

/// How to name a column of a batch: by its name, or by its place among the columns
/// that the batch has.
pub trait Key: Copy {
    #[doc(hidden)]
    fn find<'n>(self, names: impl Iterator<Item = &'n str>) -> Option<usize>;
    #[doc(hidden)]
    fn describe(self) -> String;
}

// === impl Read ===

impl Read {
    /// A column, whose buffers follow those of `last`.
    pub(crate) fn new(fields: &[Field], last: Option<&Self>) -> Self {
        let first = fields.first();
        Self {
            name: first.map(|field| field.name.clone()).unwrap_or_default(),
            format: first.map(|field| field.format.clone()).unwrap_or_default(),
            fields: fields.to_vec(),
            first_buffer: last.map_or(0, |last| last.first_buffer + last.buffers),
            buffers: fields
                .iter()
                .map(|field| schema::buffers(&field.format))
                .sum(),
        }
    }
}

// === impl Key ===

impl Key for &str {
    fn find<'n>(self, mut names: impl Iterator<Item = &'n str>) -> Option<usize> {
        names.position(|name| name == self)
    }

    fn describe(self) -> String {
        format!("`{self}`")
    }
}

impl Key for &String {
    fn find<'n>(self, names: impl Iterator<Item = &'n str>) -> Option<usize> {
        Key::find(self.as_str(), names)
    }

    fn describe(self) -> String {
        Key::describe(self.as_str())
    }
}

impl Key for usize {
    fn find<'n>(self, mut names: impl Iterator<Item = &'n str>) -> Option<usize> {
        names.nth(self).map(|_| self)
    }

    fn describe(self) -> String {
        format!("number {self}")
    }
}

// === impl Batch ===

impl<'a> Batch<'a> {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column as `T`, by name or by its place among the columns of the batch.
    pub fn column<T: Type>(&self, key: impl Key) -> Result<Column<'a, T>> {
        let read = self.find(key)?;
        if !T::accepts(&read.format) {
            let found = schema::name_of(&read.format);
            return Err(Error::new(format!(
                "column `{}` is {found}, not {}",
                read.name,
                T::NAME
            )));
        }
        self.slice(read)
            .and_then(|buffers| Column::new(buffers, self.rows))
            .ok_or_else(|| {
                Error::new(format!(
                    "column `{}` has not the buffers of its type",
                    read.name
                ))
            })
    }

    /// The Arrow buffers of a column and its children, for the types that have
    /// no view: lists, maps, structs.
    pub fn buffers(&self, key: impl Key) -> Result<&'a [Vec<u8>]> {
        let read = self.find(key)?;
        self.slice(read).ok_or_else(|| {
            Error::new(format!(
                "column `{}` has not the buffers of its type",
                read.name
            ))
        })
    }

    fn find(&self, key: impl Key) -> Result<&'a Read> {
        key.find(self.reads.iter().map(|read| read.name.as_str()))
            .and_then(|at| self.reads.get(at))
            .ok_or_else(|| Error::new(format!("column {} was not read in `open`", key.describe())))
    }

    fn slice(&self, read: &Read) -> Option<&'a [Vec<u8>]> {
        self.buffers
            .get(read.first_buffer..read.first_buffer + read.buffers)
    }
}
