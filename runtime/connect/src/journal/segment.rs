//! Files of a journal: their names, and what is in one when a journal is opened.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use azud_model::{Error, Result};

use super::frame::{FRAME_HEADER, Found, FrameHeader, MAX_BODY, SEGMENT_HEADER, look};
use crate::Disk;

/// So much of a file is read at once.
pub(super) const BLOCK: usize = 1 << 20;

/// A place is remembered for every so many bytes of a segment.
const INDEX_BYTES: u64 = 1 << 20;

/// When it is searched for frames that follow a damaged one, so much is summed at
/// most: bytes that were made to look like many frames would take for ever.
const MAX_SUMMED: usize = 1 << 30;

/// One file of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The sequence number of its first record.
    pub(super) first: u64,
    /// Its length.
    pub(super) bytes: u64,
    /// Sequence numbers of some frames' first records, and where these frames start.
    index: Vec<(u64, u64)>,
}

/// What is in a segment.
#[derive(Debug)]
pub(super) struct Scan {
    /// The file, up to the end of its last frame.
    pub(super) segment: Segment,
    /// The sequence number after its last record.
    pub(super) next: u64,
}

/// A file that is read in blocks.
struct Blocks<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
    block: Vec<u8>,
    start: u64,
}

/// `00000000000000000001.log`
pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.log"))
}

/// The sequence number of a segment's first record, of a name that is a segment's.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// An error of a file: a full disk is waited for.
pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("cannot {what} {}", path.display());
    match is_full(&error) {
        true => Error::unavailable(format!("the disk is full: {message}")).because(error),
        false => Error::invalid(message).because(error),
    }
}

/// Whether it is for want of room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// The error of bytes that were durable and are no longer what they were.
pub(super) fn damaged(path: &Path, offset: u64, why: &str) -> Error {
    Error::invalid(format!(
        "the journal file {} is damaged at byte {offset}: {why}; \
         put the file back from a copy, or remove the journal and lose what it holds",
        path.display()
    ))
}

// === impl Segment ===

impl Segment {
    pub(super) fn new(first: u64) -> Self {
        Self {
            first,
            bytes: SEGMENT_HEADER as u64,
            index: Vec::new(),
        }
    }

    /// Adds a frame at the end.
    pub(super) fn push(&mut self, sequence: u64, bytes: u64) {
        let last = self.index.last().map_or(0, |(_, offset)| *offset);
        if self.bytes >= last + INDEX_BYTES {
            self.index.push((sequence, self.bytes));
        }
        self.bytes += bytes;
    }

    /// Where a frame starts that a record is in or after.
    pub(super) fn offset(&self, sequence: u64) -> u64 {
        let after = self.index.partition_point(|(first, _)| *first <= sequence);
        let before = after.checked_sub(1).and_then(|at| self.index.get(at));
        before.map_or(SEGMENT_HEADER as u64, |(_, offset)| *offset)
    }
}

/// Reads a segment that has `bytes` bytes and starts with a sound header. Of the
/// `last` one a torn tail is not counted, and is to be cut off.
///
/// # Errors
/// `Invalid` where it is damaged.
pub(super) fn scan(
    disk: &dyn Disk,
    path: &Path,
    id: u64,
    (first, bytes): (u64, u64),
    last: bool,
) -> Result<Scan> {
    let mut segment = Segment::new(first);
    let mut next = first;
    let mut blocks = Blocks {
        disk,
        path,
        block: Vec::new(),
        start: 0,
    };
    while segment.bytes < bytes {
        let offset = segment.bytes;
        let rest = bytes - offset;
        let mut found = look(blocks.at(offset, FRAME_HEADER)?, id);
        if let Found::Short(needed) = found
            && needed as u64 <= rest
        {
            found = look(blocks.at(offset, needed)?, id);
        }
        let why = match found {
            Found::Frame(header) if header.sequence == next => {
                segment.push(next, header.bytes() as u64);
                next = header.next();
                continue;
            }
            Found::Frame(_) => return Err(damaged(path, offset, "a frame is out of order")),
            Found::Short(_) => "a frame is cut off",
            Found::Wrong => "a frame's checksum is wrong",
        };
        // One frame is written and synced at a time: what follows one proves that it was durable.
        if !last || follows(&mut blocks, id, (offset, bytes), next)? {
            return Err(damaged(path, offset, why));
        }
        break;
    }
    Ok(Scan { segment, next })
}

/// Whether there is a frame behind a damaged one.
fn follows(blocks: &mut Blocks<'_>, id: u64, (from, bytes): (u64, u64), next: u64) -> Result<bool> {
    let mut summed = 0_usize;
    let mut offset = from;
    while bytes - offset >= FRAME_HEADER as u64 {
        let block = blocks.at(offset, FRAME_HEADER)?;
        let candidate = block.windows(FRAME_HEADER).position(|window| {
            FrameHeader::parse(window).is_some_and(|header| {
                // No record takes less than 8 bytes.
                header.sequence >= next
                    && header.sequence - next <= bytes
                    && header.count > 0
                    && u64::from(header.count) <= bytes / 8
                    && header.length <= MAX_BODY
                    && header.bytes() as u64 <= bytes
            })
        });
        let Some(candidate) = candidate else {
            let searched = block.len().saturating_sub(FRAME_HEADER - 1).max(1);
            offset += searched as u64;
            continue;
        };
        offset += candidate as u64;
        let length = FrameHeader::parse(block.get(candidate..).unwrap_or_default())
            .map_or(0, |header| header.bytes());
        if offset + length as u64 <= bytes {
            summed += length;
            if summed > MAX_SUMMED {
                return Ok(true);
            }
            let frame = blocks.at(offset, length)?;
            if matches!(look(frame, id), Found::Frame(_)) {
                return Ok(true);
            }
        }
        offset += 1;
    }
    Ok(false)
}

// === impl Blocks ===

impl Blocks<'_> {
    /// The bytes from an offset on: so many, if the file has them, or more.
    fn at(&mut self, offset: u64, needed: usize) -> Result<&[u8]> {
        let end = self.start + self.block.len() as u64;
        if offset < self.start || offset + needed as u64 > end {
            let read = self.disk.read_at(self.path, offset, needed.max(BLOCK));
            self.block = read.map_err(|error| failed("read", self.path, error))?;
            self.start = offset;
        }
        let skipped = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.block.get(skipped..).unwrap_or_default())
    }
}
