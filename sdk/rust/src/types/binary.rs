//! Text and bytes of any length: offsets and data.

use super::{Inside, Type};
use crate::testing::Value;

/// SQL's `string`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8;

/// SQL's `binary`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binary;

/// The two buffers of a text or binary column.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    offsets: &'a [[u8; 4]],
    data: &'a [u8],
}

/// The two buffers of a text or binary column, growing.
pub struct Gathered {
    offsets: Vec<u8>,
    data: Vec<u8>,
}

// === impl Bytes ===

impl<'a> Bytes<'a> {
    fn new(buffers: &'a [Vec<u8>], rows: usize) -> Option<Self> {
        let [offsets, data] = buffers else {
            return None;
        };
        let offsets = match rows {
            0 => &[[0; 4]],
            _ => offsets.as_chunks().0.get(..=rows)?,
        };
        Some(Self { offsets, data })
    }

    /// The values of all rows, one after the other.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Where the value of `row` is in [`data`](Self::data).
    #[inline(always)]
    pub fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let [start, end] = self.offsets.get(row..row + 2)? else {
            return None;
        };
        Some(u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize)
    }

    #[inline(always)]
    fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.data.get(self.range(row)?)
    }
}

// === impl Gathered ===

impl Default for Gathered {
    fn default() -> Self {
        Self::reserved(0, 0)
    }
}

impl Gathered {
    fn reserved(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity((rows + 1) * 4);
        offsets.extend_from_slice(&[0; 4]);
        Self {
            offsets,
            data: Vec::with_capacity(bytes),
        }
    }

    #[inline(always)]
    fn push(&mut self, value: &[u8]) {
        append(&mut self.data, value);
        self.end_row();
    }

    #[inline(always)]
    fn end_row(&mut self) {
        // A guest has 32-bit addresses, so its data cannot outgrow an offset;
        // natively, where it could, the saturated offset is refused.
        let end = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        self.offsets.extend_from_slice(&end.to_le_bytes());
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate((rows + 1) * 4);
        if let Some(end) = self.offsets.last_chunk() {
            self.data.truncate(u32::from_le_bytes(*end) as usize);
        }
    }

    fn finish(self, buffers: &mut Vec<Vec<u8>>) {
        buffers.push(self.offsets);
        buffers.push(self.data);
    }
}

/// Appends a value. In a guest a copy of a length that the compiler does not know
/// is a call to the host, which costs more than a short word is worth.
#[inline(always)]
fn append(data: &mut Vec<u8>, value: &[u8]) {
    if value.len() > 16 {
        return data.extend_from_slice(value);
    }
    data.reserve(value.len());
    let length = data.len();
    // Two copies that overlap, of lengths that the compiler does know.
    // SAFETY: `value.len()` bytes can be read from `value` and written at the end
    // of `data`, as just reserved; every copy below lies within them, and together
    // they write all of them. They are two allocations, so nothing overlaps.
    unsafe {
        let (from, to, end) = (value.as_ptr(), data.as_mut_ptr().add(length), value.len());
        match end {
            8.. => {
                from.copy_to_nonoverlapping(to, 8);
                from.add(end - 8).copy_to_nonoverlapping(to.add(end - 8), 8);
            }
            4..8 => {
                from.copy_to_nonoverlapping(to, 4);
                from.add(end - 4).copy_to_nonoverlapping(to.add(end - 4), 4);
            }
            2..4 => {
                from.copy_to_nonoverlapping(to, 2);
                from.add(end - 2).copy_to_nonoverlapping(to.add(end - 2), 2);
            }
            1 => from.copy_to_nonoverlapping(to, 1),
            0 => {}
        }
        data.set_len(length + end);
    }
}

macro_rules! bytes {
    ($name:ident: $value:ty, $word:literal, $format:literal, $get:expr, $as_bytes:expr, $to_value:path) => {
        impl Type for $name {
            const NAME: &'static str = $word;
            type Value<'a> = &'a $value;
            type View<'a> = Bytes<'a>;
            type Values = Gathered;

            fn format(&self) -> String {
                $format.into()
            }

            fn accepts(format: &str) -> bool {
                format == $format
            }

            fn view(buffers: &[Vec<u8>], rows: usize, _: Inside) -> Option<Bytes<'_>> {
                Bytes::new(buffers, rows)
            }

            #[inline(always)]
            fn get<'a>(view: Self::View<'a>, row: usize, _: Inside) -> Option<Self::Value<'a>> {
                view.get(row).map($get)
            }

            fn reserved(rows: usize, bytes: usize) -> Gathered {
                Gathered::reserved(rows, bytes)
            }

            #[inline(always)]
            fn push(values: &mut Gathered, _: usize, value: &$value) {
                let as_bytes: fn(&$value) -> &[u8] = $as_bytes;
                values.push(as_bytes(value));
            }

            fn push_null(values: &mut Gathered, _: usize) {
                values.end_row();
            }

            fn truncate(values: &mut Gathered, rows: usize) {
                values.truncate(rows);
            }

            fn finish(values: Gathered, buffers: &mut Vec<Vec<u8>>) {
                values.finish(buffers);
            }

            fn to_value(value: &$value) -> Value {
                $to_value(value.to_owned())
            }

            fn of_value(value: &Value) -> Option<&$value> {
                match value {
                    $to_value(value) => Some(value),
                    _ => None,
                }
            }
        }
    };
}

bytes!(Binary: [u8], "binary", "z", |bytes| bytes, |bytes| bytes, Value::Bytes);
bytes!(Utf8: str, "string", "u", text, str::as_bytes, Value::Text);

#[inline(always)]
fn text(bytes: &[u8]) -> &str {
    // SAFETY: batches come from the host, whose utf8 columns are valid by
    // contract (Arrow checks them where they enter), or from `testing`, which
    // makes them of `str`s. Offsets lie between characters for the same reason.
    unsafe { str::from_utf8_unchecked(bytes) }
}
