//! The framer: bytes in, chunks of whole records out.

use std::ops::Range;

use azud_model::ByteSize;
use bytes::Bytes;
use memchr::memchr;

use super::chunk::{CHUNK_BYTES, CHUNK_RECORDS, Chunk};
use super::quotes::Quotes;
use crate::{BadRecord, Framing, Payload};

/// The longest record, unless a source's `max_line` says otherwise.
pub const DEFAULT_MAX_RECORD: ByteSize = ByteSize::from_mib(16);

/// The largest `max_line`: places within a payload are 32 bits wide.
pub const LARGEST_MAX_RECORD: ByteSize = ByteSize::from_mib(1024);

/// What is kept of a record that is too long, for whoever reads `rejected`.
const KEPT: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts a stream of bytes, in pieces of any size, into records.
///
/// It holds at most a chunk, a record of the longest length and what the last
/// `push` brought. A record that is longer is not buffered: its first bytes
/// come as a bad record, and the one after the next line end goes on. That line
/// end may be within quotes: a quote that nobody closes must not swallow a file.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    max_record: ByteSize,
    buffer: Vec<u8>,
    /// Where the record that is being looked for starts in `buffer`.
    start: usize,
    /// Up to where `buffer` was searched.
    scanned: usize,
    quotes: Quotes,
    records: Vec<Range<u32>>,
    bad: Vec<BadRecord>,
    /// Number of the first of `records`.
    first: u64,
    /// Bytes of the stream before `buffer`, and those that were cut out of it.
    before: u64,
    cut: u64,
    /// Set while a record that is too long is passed over: bytes cut out of it.
    too_long: Option<u64>,
    header: Option<Bytes>,
    begun: bool,
    ended: bool,
}

// === impl Framer ===

impl Framer {
    /// A framer at the start of a stream.
    pub fn new(framing: Framing, max_record: ByteSize) -> Self {
        Self {
            framing,
            max_record,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            quotes: Quotes::default(),
            records: Vec::new(),
            bad: Vec::new(),
            first: 1,
            before: 0,
            cut: 0,
            too_long: None,
            header: None,
            begun: false,
            ended: false,
        }
    }

    /// A framer that goes on after a chunk of an earlier one: with its header,
    /// [`Chunk::next`] and [`Chunk::end`].
    #[must_use]
    pub fn resume(mut self, header: Option<Bytes>, next: u64, end: u64) -> Self {
        self.header = header;
        self.first = next;
        self.before = end;
        self.begun = end > 0;
        self
    }

    /// The stream's header, once it was read.
    pub fn header(&self) -> Option<&Bytes> {
        self.header.as_ref()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.scan();
    }

    /// The stream has ended: what has no line end counts as a record.
    pub fn end(&mut self) {
        self.ended = true;
        self.scan();
    }

    /// Whether a whole chunk is there: take it before the next `push`.
    pub fn is_full(&self) -> bool {
        // A header alone is no chunk, however long it is.
        !self.records.is_empty()
            && (self.records.len() >= CHUNK_RECORDS || self.start >= CHUNK_BYTES)
    }

    /// Whether a record has begun whose end has not come yet.
    pub fn is_within_record(&self) -> bool {
        self.too_long.is_some() || self.buffer.len() > self.start
    }

    /// The records that are complete, at most a chunk of them; `None` if there are none.
    pub fn chunk(&mut self) -> Option<Chunk> {
        if self.records.is_empty() {
            return None;
        }
        // The next chunk is likely to be as long as this one.
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let mut buffer = Vec::with_capacity(rest.len().max(self.start.min(CHUNK_BYTES)));
        buffer.extend_from_slice(rest);
        std::mem::swap(&mut buffer, &mut self.buffer);
        buffer.truncate(self.start);

        self.before += self.start as u64 + std::mem::take(&mut self.cut);
        self.scanned -= self.start;
        self.start = 0;
        let chunk = Chunk {
            first: self.first,
            payload: Payload {
                bytes: buffer.into(),
                records: std::mem::take(&mut self.records),
                present: None,
            },
            bad: std::mem::take(&mut self.bad),
            header: self.header.clone(),
            end: self.before,
        };
        self.first = chunk.next();
        self.scan();
        Some(chunk)
    }

    fn scan(&mut self) {
        if !self.begun && !self.begin() {
            return;
        }
        while !self.is_full() {
            let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
            let found = match self.framing {
                Framing::Csv { .. } if self.too_long.is_none() => self.quotes.find_end(unseen),
                _ => memchr(b'\n', unseen),
            };
            match found {
                Some(offset) => {
                    let end = self.scanned + offset;
                    self.close(end, end + 1);
                }
                None if self.ended => {
                    let end = self.buffer.len();
                    if self.start < end {
                        self.close(end, end);
                    }
                    return;
                }
                None => {
                    self.scanned = self.buffer.len();
                    self.pass_over();
                    return;
                }
            }
        }
    }

    /// Leaves out a byte order mark; false if more bytes are needed to see one.
    fn begin(&mut self) -> bool {
        if self.buffer.len() < BYTE_ORDER_MARK.len()
            && BYTE_ORDER_MARK.starts_with(&self.buffer)
            && !self.ended
        {
            return false;
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.start = BYTE_ORDER_MARK.len();
            self.scanned = self.start;
        }
        self.begun = true;
        true
    }

    /// Drops what was seen of a record that is too long, but for its first bytes.
    fn pass_over(&mut self) {
        let held = self.buffer.len() - self.start;
        // The last byte may be a `\r`, half of a line end.
        if self.too_long.is_none() && held <= self.max_record.as_usize().saturating_add(1) {
            return;
        }
        let keep = self.start + held.min(KEPT);
        *self.too_long.get_or_insert(0) += (self.buffer.len() - keep) as u64;
        self.buffer.truncate(keep);
        self.scanned = keep;
        self.quotes = Quotes::default();
    }

    /// The record at `start` is one.
    fn keep(&mut self, length: usize) {
        // A chunk and the longest record are far below 32 bits.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.records
            .push(place(self.start)..place(self.start + length));
    }

    /// The record at `start` is a bad one.
    fn reject(&mut self, length: usize, reason: String) {
        self.bad.push(BadRecord {
            index: self.records.len(),
            reason,
        });
        self.keep(length);
    }

    /// Why no record below this header could be read, as far as lines tell.
    fn bad_header(&self, header: &[u8], is_long: bool) -> Option<String> {
        if is_long {
            return Some(format!(
                "the header is longer than max_line {}",
                self.max_record
            ));
        }
        if self.quotes == Quotes::Quoted {
            return Some("in the header, a quote is never closed".to_owned());
        }
        memchr(b'\r', header).map(|_| {
            "the header has a carriage return: lines end with a line feed, or with both".to_owned()
        })
    }

    /// A record ends before `end`, the next one starts at `next`.
    fn close(&mut self, end: usize, next: usize) {
        let record = self.buffer.get(self.start..end).unwrap_or_default();
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        let too_long = self.too_long.take();
        let is_long = too_long.is_some() || record.len() > self.max_record.as_usize();
        let length = if is_long {
            record.len().min(KEPT)
        } else {
            record.len()
        };

        let is_header = self.framing == (Framing::Csv { header: true }) && self.header.is_none();
        if is_header && let Some(reason) = self.bad_header(record, is_long) {
            // No header, no rows: without this, a whole file would vanish without a word.
            self.header = Some(Bytes::new());
            self.reject(length, reason);
        } else if is_header {
            self.header = Some(Bytes::copy_from_slice(
                record.get(..length).unwrap_or_default(),
            ));
            self.first += 1;
        } else {
            match is_long {
                true => self.reject(length, format!("longer than max_line {}", self.max_record)),
                false => self.keep(length),
            }
        }
        self.cut += too_long.unwrap_or_default();
        self.start = next;
        self.scanned = next;
        self.quotes = Quotes::default();
    }
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
