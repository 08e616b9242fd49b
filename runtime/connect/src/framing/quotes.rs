//! Where a CSV record ends: at the first line end outside of quotes.

use memchr::{memchr, memchr2};

/// Where in a field the scan stands. A quote opens only at the start of a
/// field, as RFC 4180 has it: the `"` of `5" pipe` is a character like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quotes {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within quotes: the end of the field, or half of `""`.
    Closing,
}

// === impl Quotes ===

impl Quotes {
    /// Scans `bytes` and returns where the record's line end is, ready for the
    /// next record; or, if it is not in `bytes`, remembers where it stands.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let found = match self {
                Self::FieldStart | Self::Closing => Some(0),
                Self::Plain => memchr2(b',', b'\n', rest),
                Self::Quoted => memchr(b'"', rest),
            };
            let (offset, byte) = found.and_then(|offset| Some((offset, *rest.get(offset)?)))?;
            *self = match (*self, byte) {
                (Self::Quoted, _) => Self::Closing,
                (Self::FieldStart | Self::Closing, b'"') => Self::Quoted,
                (_, b'\n') => {
                    *self = Self::FieldStart;
                    return Some(at + offset);
                }
                (_, b',') => Self::FieldStart,
                _ => Self::Plain,
            };
            at += offset + 1;
        }
        None
    }
}
