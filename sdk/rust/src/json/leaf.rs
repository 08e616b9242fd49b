//! Values that have no others in them.

use super::{
    base64,
    cells::{Cells, Valid},
};
use crate::{Column, Type, schema};

/// A column of a type that this crate has.
struct Leaf<'a, T: Type, W> {
    column: Column<'a, T>,
    write: W,
}

/// Binary of a length that is known when it runs only.
pub(super) struct FixedBinary<'a> {
    valid: Valid<'a>,
    data: &'a [u8],
    width: usize,
}

/// Takes the buffers of a column that are those of a `T`.
pub(super) fn cells<'a, T: Type>(
    rows: usize,
    buffers: &mut &'a [Vec<u8>],
    write: impl Fn(T::Value<'a>, &mut Vec<u8>) + 'a,
) -> Option<Box<dyn Cells + 'a>> {
    let count = match T::accepts("u") || T::accepts("z") {
        true => schema::buffers("u"),
        false => schema::buffers("l"),
    };
    let (own, rest) = buffers.split_at_checked(count)?;
    *buffers = rest;
    let column = Column::<T>::new(own, rows)?;
    Some(Box::new(Leaf { column, write }))
}

// Writing to memory cannot fail, and neither can writing a number or a text.

/// An integer.
pub(super) fn number(value: impl serde::Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &value);
}

/// A float, of its own width: the shortest digits differ. JSON has no numbers for
/// NaN and the infinities.
pub(super) fn float(value: impl serde::Serialize, double: f64, out: &mut Vec<u8>) {
    match double {
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        _ if double.is_nan() => out.extend_from_slice(b"\"NaN\""),
        _ => number(value, out),
    }
}

/// A text, quoted and escaped.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

/// Bytes, in base64.
pub(super) fn binary(bytes: &[u8], out: &mut Vec<u8>) {
    quoted(out, |out| base64::write(bytes, out));
}

/// What needs no escapes, between quotes.
pub(super) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

// === impl Leaf ===

impl<'a, T: Type, W: Fn(T::Value<'a>, &mut Vec<u8>)> Cells for Leaf<'a, T, W> {
    fn is_null(&self, row: usize) -> bool {
        self.column.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(value) = self.column.get(row) {
            (self.write)(value, out);
        }
    }
}

// === impl FixedBinary ===

impl<'a> FixedBinary<'a> {
    pub(super) fn take(width: usize, rows: usize, buffers: &mut &'a [Vec<u8>]) -> Option<Self> {
        let valid = Valid::take(buffers)?;
        let (data, rest) = buffers.split_first()?;
        *buffers = rest;
        let data = data.get(..rows.checked_mul(width)?)?;
        Some(Self { valid, data, width })
    }
}

impl Cells for FixedBinary<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.valid.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let start = row * self.width;
        binary(
            self.data.get(start..start + self.width).unwrap_or_default(),
            out,
        );
    }
}
