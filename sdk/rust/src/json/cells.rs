//! The cells of a column, and those that have others in them.

use crate::bits;

/// A column of which any row can be written.
pub(super) trait Cells {
    /// Whether a row is null: then it is not written.
    fn is_null(&self, row: usize) -> bool;

    /// Appends a row that is not null.
    fn write(&self, row: usize, out: &mut Vec<u8>);

    /// Appends a row where a null has its place.
    fn write_or_null(&self, row: usize, out: &mut Vec<u8>) {
        match self.is_null(row) {
            true => out.extend_from_slice(b"null"),
            false => self.write(row, out),
        }
    }
}

/// A validity bitmap.
#[derive(Clone, Copy, Default)]
pub(super) struct Valid<'a>(&'a [u8]);

/// Where the items of each row are: offset i and the one after it.
pub(super) struct Offsets<'a>(&'a [[u8; 4]]);

/// Structs, and the rows themselves: a null is left out.
#[derive(Default)]
pub(super) struct Object<'a> {
    valid: Valid<'a>,
    fields: Vec<(&'a [u8], Box<dyn Cells + 'a>)>,
}

/// Lists of any length.
pub(super) struct List<'a> {
    valid: Valid<'a>,
    offsets: Offsets<'a>,
    items: Box<dyn Cells + 'a>,
}

/// Lists of one length.
pub(super) struct FixedList<'a> {
    valid: Valid<'a>,
    length: usize,
    items: Box<dyn Cells + 'a>,
}

/// Maps with text keys.
pub(super) struct Map<'a> {
    valid: Valid<'a>,
    offsets: Offsets<'a>,
    keys: Box<dyn Cells + 'a>,
    values: Box<dyn Cells + 'a>,
}

// === impl Valid ===

impl<'a> Valid<'a> {
    pub(super) fn take(buffers: &mut &'a [Vec<u8>]) -> Option<Self> {
        let (bits, rest) = buffers.split_first()?;
        *buffers = rest;
        Some(Self(bits))
    }

    pub(super) fn is_null(self, row: usize) -> bool {
        !self.0.is_empty() && !bits::get(self.0, row)
    }
}

// === impl Offsets ===

impl<'a> Offsets<'a> {
    pub(super) fn take(rows: usize, buffers: &mut &'a [Vec<u8>]) -> Option<Self> {
        let (bytes, rest) = buffers.split_first()?;
        *buffers = rest;
        match rows {
            0 => Some(Self(&[])),
            _ => bytes.as_chunks().0.get(..=rows).map(Self),
        }
    }

    /// How many items there are in all.
    pub(super) fn end(&self) -> usize {
        self.at(self.0.len().wrapping_sub(1))
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.at(row)..self.at(row + 1)
    }

    fn at(&self, row: usize) -> usize {
        self.0
            .get(row)
            .map_or(0, |offset| u32::from_le_bytes(*offset) as usize)
    }
}

/// Appends what `write` makes of each number, with commas between.
fn between_commas(
    range: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    write: impl Fn(usize, &mut Vec<u8>),
) {
    let start = range.start;
    for item in range {
        if item > start {
            out.push(b',');
        }
        write(item, out);
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    pub(super) fn new(valid: Valid<'a>) -> Self {
        Self {
            valid,
            fields: Vec::new(),
        }
    }

    /// Adds a field: its key with quotes and colon, and its cells.
    pub(super) fn push(&mut self, key: &'a [u8], cells: Box<dyn Cells + 'a>) {
        self.fields.push((key, cells));
    }
}

impl Cells for Object<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.valid.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (key, cells) in &self.fields {
            if cells.is_null(row) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(key);
            cells.write(row, out);
        }
        out.push(b'}');
    }
}

// === impl List ===

impl<'a> List<'a> {
    pub(super) fn new(valid: Valid<'a>, offsets: Offsets<'a>, items: Box<dyn Cells + 'a>) -> Self {
        Self {
            valid,
            offsets,
            items,
        }
    }
}

impl Cells for List<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.valid.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        between_commas(self.offsets.range(row), out, |item, out| {
            self.items.write_or_null(item, out);
        });
        out.push(b']');
    }
}

// === impl FixedList ===

impl<'a> FixedList<'a> {
    pub(super) fn new(valid: Valid<'a>, length: usize, items: Box<dyn Cells + 'a>) -> Self {
        Self {
            valid,
            length,
            items,
        }
    }
}

impl Cells for FixedList<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.valid.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let start = row * self.length;
        out.push(b'[');
        between_commas(start..start + self.length, out, |item, out| {
            self.items.write_or_null(item, out);
        });
        out.push(b']');
    }
}

// === impl Map ===

impl<'a> Map<'a> {
    pub(super) fn new(
        valid: Valid<'a>,
        offsets: Offsets<'a>,
        keys: Box<dyn Cells + 'a>,
        values: Box<dyn Cells + 'a>,
    ) -> Self {
        Self {
            valid,
            offsets,
            keys,
            values,
        }
    }
}

impl Cells for Map<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.valid.is_null(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        between_commas(self.offsets.range(row), out, |entry, out| {
            self.keys.write(entry, out);
            out.push(b':');
            // An entry is not a column: its null is written.
            self.values.write_or_null(entry, out);
        });
        out.push(b'}');
    }
}
