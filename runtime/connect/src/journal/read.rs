//! Reading a journal by position, while it is written to.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_model::{Error, Result};
use bytes::Bytes;

use super::chunk;
use super::frame::{FRAME_HEADER, Found, FrameHeader, SEGMENT_HEADER, look};
use super::segment::{BLOCK, damaged, failed, path};
use super::token::Token;
use crate::{Disk, Records};

/// A place in a journal.
#[derive(Clone, Debug)]
pub struct Cursor {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: u64,
    /// The file, by the sequence number of its first record.
    segment: u64,
    /// The start of a frame that has the next record, or comes before it.
    offset: u64,
    /// The sequence number of the next record.
    sequence: u64,
    /// The length of the last frame: the next one is probably read at once with as much.
    frame: usize,
}

// === impl Cursor ===

impl Cursor {
    pub(super) fn new(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        id: u64,
        (segment, offset): (u64, u64),
        sequence: u64,
    ) -> Self {
        Self {
            disk: disk.clone(),
            folder: folder.to_owned(),
            id,
            segment,
            offset,
            sequence,
            frame: 0,
        }
    }

    /// The sequence number of the next record.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A position in this journal, for [`super::Journal::open`]: of the record with
    /// this sequence number, which need not be the next.
    pub fn position(&self, sequence: u64) -> String {
        Token::new(self.id, sequence).write()
    }

    /// Reads on: at least one chunk, and more if it has already been read from the
    /// disk, but none at or after `end`, up to which records are durable. Nothing if
    /// there is none. `source` is the name that partitions get.
    ///
    /// # Errors
    /// `Invalid` if the journal is damaged or cannot be read. The cursor stays where it is.
    pub fn read(&mut self, end: u64, source: &str) -> Result<Vec<Records>> {
        let mut at = self.clone();
        let mut given = Vec::new();
        while at.sequence < end && given.is_empty() {
            let mut block = at.block(at.frame.max(BLOCK))?;
            let needed = FrameHeader::parse(&block).map_or(FRAME_HEADER, |header| header.bytes());
            if needed > block.len() {
                block = at.block(needed)?;
            }
            at.frames(block, end, source, &mut given)?;
        }
        *self = at;
        Ok(given)
    }

    /// The frames of a block that starts with one.
    fn frames(
        &mut self,
        mut block: Bytes,
        end: u64,
        source: &str,
        given: &mut Vec<Records>,
    ) -> Result<()> {
        let mut is_first = true;
        while self.sequence < end {
            let header = match look(&block, self.id) {
                Found::Frame(header) => header,
                Found::Short(_) if !is_first => return Ok(()),
                Found::Short(_) => return Err(self.damaged("a frame is cut off")),
                Found::Wrong => return Err(self.damaged("a frame's checksum is wrong")),
            };
            if header.sequence > self.sequence {
                return Err(self.damaged("a frame is out of order"));
            }
            // An append takes place as a whole, so `end` is never within a frame.
            if header.next() > self.sequence {
                let mut frame = block.slice(..header.bytes());
                self.chunks(header, frame.split_off(FRAME_HEADER), source, given)?;
                self.sequence = header.next();
            }
            self.offset += header.bytes() as u64;
            self.frame = header.bytes();
            block = block.split_off(header.bytes());
            is_first = false;
        }
        Ok(())
    }

    /// The chunks of a frame, from the next record on.
    fn chunks(
        &self,
        header: FrameHeader,
        mut body: Bytes,
        source: &str,
        given: &mut Vec<Records>,
    ) -> Result<()> {
        let mut sequence = header.sequence;
        while !body.is_empty() {
            let records = chunk::decode(&mut body, source);
            let mut records = records.ok_or_else(|| self.damaged("a frame holds no records"))?;
            let next = sequence + records.len() as u64;
            if next > self.sequence {
                let skipped = self.sequence.saturating_sub(sequence);
                skip(&mut records, usize::try_from(skipped).unwrap_or(0));
                given.push(records);
            }
            sequence = next;
        }
        match sequence == header.next() {
            true => Ok(()),
            false => Err(self.damaged("a frame has another number of records than it says")),
        }
    }

    /// The bytes from here on, or from the start of the next segment.
    fn block(&mut self, bytes: usize) -> Result<Bytes> {
        loop {
            let name = path(&self.folder, self.segment);
            let block = match self.disk.read_at(&name, self.offset, bytes) {
                // It was removed: all of it is committed.
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                block => block.map_err(|error| failed("read", &name, error))?,
            };
            if !block.is_empty() {
                return Ok(block.into());
            }
            if self.segment == self.sequence {
                let why = format!(
                    "record {} of the journal in {} is gone: {} is missing or too short",
                    self.sequence,
                    self.folder.display(),
                    name.display()
                );
                return Err(Error::invalid(why));
            }
            self.segment = self.sequence;
            self.offset = SEGMENT_HEADER as u64;
        }
    }

    fn damaged(&self, why: &str) -> Error {
        damaged(&path(&self.folder, self.segment), self.offset, why)
    }
}

/// Leaves out the first so many records.
fn skip(records: &mut Records, count: usize) {
    if count > 0 {
        records.payload = records.payload.split_off(count);
        records.first += count as u64;
        records.bad.retain(|bad| bad.index >= count);
        for bad in &mut records.bad {
            bad.index -= count;
        }
    }
}
