//! A typed view of a column: the buffers as they are, read in place.

use crate::{Type, bits, types::Inside};

/// A column of a batch.
pub struct Column<'a, T: Type> {
    validity: &'a [u8],
    view: T::View<'a>,
    rows: usize,
}

// === impl Column ===

impl<'a, T: Type> Column<'a, T> {
    /// The buffers are those of a column whose format is `T`'s, from the host or
    /// from a [`Builder`](crate::Builder): nothing else may be read as a `T`.
    pub(crate) fn new(buffers: &'a [Vec<u8>], rows: usize) -> Option<Self> {
        let (validity, rest) = buffers.split_first()?;
        Some(Self {
            validity,
            view: T::view(rest, rows, Inside::PROOF)?,
            rows,
        })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether some row is null.
    pub fn has_nulls(&self) -> bool {
        !self.validity.is_empty()
    }

    /// Whether `row` is null, or past the end.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        row >= self.rows || !self.validity.is_empty() && !bits::get(self.validity, row)
    }

    /// The value in `row`; `None` where it is null, or past the end.
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<T::Value<'a>> {
        if row < self.rows && (self.validity.is_empty() || bits::get(self.validity, row)) {
            T::get(self.view, row, Inside::PROOF)
        } else {
            None
        }
    }

    /// All rows in order, `None` where null.
    #[inline(always)]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter {
            column: *self,
            row: 0,
        }
    }

    /// The values without the `Option`, where no row is null: the fast path.
    #[inline(always)]
    pub fn values(&self) -> Option<impl Iterator<Item = T::Value<'a>> + use<'a, T>> {
        let (view, rows) = (self.view, self.rows);
        self.validity
            .is_empty()
            .then(|| (0..rows).map_while(move |row| T::get(view, row, Inside::PROOF)))
    }

    /// The type's own view, for loops over bytes.
    pub fn view(&self) -> T::View<'a> {
        self.view
    }
}

impl<T: Type> Clone for Column<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Type> Copy for Column<'_, T> {}

impl<'a, T: Type> IntoIterator for Column<'a, T> {
    type Item = Option<T::Value<'a>>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The rows of a column in order.
pub struct Iter<'a, T: Type> {
    column: Column<'a, T>,
    row: usize,
}

// === impl Iter ===

impl<'a, T: Type> Iterator for Iter<'a, T> {
    type Item = Option<T::Value<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        (self.row < self.column.rows).then(|| {
            self.row += 1;
            self.column.get(self.row - 1)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.column.rows - self.row;
        (left, Some(left))
    }
}

impl<T: Type> ExactSizeIterator for Iter<'_, T> {}
