//! A journal that is written to.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_model::{Error, Result};

use super::chunk;
use super::frame::{self, FRAME_HEADER, SegmentHeader};
use super::open::{Opened, start};
use super::options::JournalOptions;
use super::read::Cursor;
use super::segment::{Segment, failed, is_full, path};
use super::token::Token;
use crate::{Disk, DiskFile, Records, fault_point};

/// A log of records on a disk. One writes; any number of [`Cursor`]s read what is durable.
///
/// Its calls block, and none of them may be made on the I/O threads.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    options: JournalOptions,
    id: u64,
    /// The files, the last of which is written to.
    segments: VecDeque<Segment>,
    file: Box<dyn DiskFile>,
    /// The sequence number of the next record that becomes durable.
    next: u64,
    /// The frame that the next sync writes.
    frame: Vec<u8>,
    /// How many records are in it.
    pending: u32,
    /// Why nothing may be written any more.
    broken: Option<String>,
    closed: bool,
}

// === impl Journal ===

impl Journal {
    /// Opens the journal in a folder, and says where reading goes on: at `resume`, a
    /// position that [`Cursor::position`] gave; without one at its start. A folder
    /// without a journal gets one, with this random `id`, unless there is a `resume`.
    /// What a crash left of a frame that was being written is cut off, with a warning.
    ///
    /// # Errors
    /// `Invalid` if what is there is damaged, incomplete, of a newer version, or does
    /// not have the position. `Unavailable` if the disk is full.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: JournalOptions,
        resume: Option<&str>,
        id: u64,
    ) -> Result<(Self, Cursor)> {
        let opened = Opened::find(&disk, folder, resume, id)?;
        let mut journal = Self {
            disk,
            folder: folder.to_owned(),
            options,
            id: opened.id,
            segments: opened.segments,
            file: opened.file,
            next: opened.next,
            frame: Vec::new(),
            pending: 0,
            broken: None,
            closed: false,
        };
        frame::start(&mut journal.frame);
        let cursor = journal.cursor(opened.start);
        Ok((journal, cursor))
    }

    /// Adds records to what the next [`Journal::sync`] writes.
    ///
    /// # Errors
    /// `Internal` if they have metadata, or are out of their payload.
    pub fn append(&mut self, records: &Records) -> Result<()> {
        self.is_writable()?;
        if records.is_empty() {
            return Ok(());
        }
        let before = self.frame.len();
        let count = chunk::encode(records, &mut self.frame)?;
        match self.pending.checked_add(count) {
            Some(pending) if self.frame.len() <= frame::MAX_BODY => self.pending = pending,
            _ => {
                self.frame.truncate(before);
                return Err(Error::internal("too much is journaled at once"));
            }
        }
        Ok(())
    }

    /// Makes everything appended durable: one write and one sync.
    ///
    /// # Errors
    /// `Unavailable` if the disk is full: nothing of it is durable, and another call
    /// tries it again. `Internal` if the disk failed: what is durable is not known
    /// any more, so nothing can be written until the journal is opened again.
    pub fn sync(&mut self) -> Result<()> {
        self.is_writable()?;
        if self.pending == 0 {
            return Ok(());
        }
        if self.file.bytes() >= self.options.segment_bytes() {
            self.start_segment()?;
        }
        frame::finish(&mut self.frame, self.id, self.next, self.pending)?;
        let before = self.file.bytes();
        if let Err(error) = self.file.write(&self.frame) {
            let cut = self.file.truncate(before);
            return Err(match cut {
                Ok(()) => self.refuse("write to", error),
                Err(error) => self.poison("cut", &error),
            });
        }
        fault_point("before-journal-sync");
        if let Err(error) = self.file.sync() {
            return Err(self.poison("sync", &error));
        }
        fault_point("after-journal-sync");
        if let Some(segment) = self.segments.back_mut() {
            segment.push(self.next, self.frame.len() as u64);
        }
        self.next += u64::from(self.pending);
        self.pending = 0;
        frame::start(&mut self.frame);
        Ok(())
    }

    /// The sequence number of the next record that becomes durable: all before it are.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many bytes it has on the disk, or will have after the next sync.
    pub fn bytes(&self) -> u64 {
        let durable: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        match self.pending {
            0 => durable,
            _ => durable + self.frame.len() as u64,
        }
    }

    /// Whether it has no more than `max_bytes` with these records appended and synced.
    pub fn has_room(&self, records: &Records) -> bool {
        let more = chunk::encoded_bytes(records) + FRAME_HEADER;
        self.bytes() + more as u64 <= self.options.max_bytes.as_bytes()
    }

    /// Removes the segments all of whose records are before `position`, which
    /// [`Cursor::position`] gave. Never the one that is written to: a large one is
    /// followed by another first.
    ///
    /// # Errors
    /// `Invalid` if it is no position of this journal, or a file cannot be removed:
    /// the next call tries it again. Else as [`Journal::sync`].
    pub fn remove_before(&mut self, position: &str) -> Result<()> {
        self.is_sound()?;
        let next = Token::read(position, &self.folder)?;
        if !next.is_of(self.id) || next.next > self.next {
            let folder = self.folder.display();
            return Err(Error::invalid(format!(
                "the journal in {folder} does not have the position {position}"
            )));
        }
        let is_large = self.file.bytes() >= self.options.segment_bytes();
        if next.next == self.next && is_large && !self.closed {
            self.start_segment()?;
        }
        // Oldest first, each for good before the next: never is one missing between others.
        while let Some(after) = self.segments.get(1)
            && after.first <= next.next
            && let Some(oldest) = self.segments.front()
        {
            let oldest = path(&self.folder, oldest.first);
            let removed = self.disk.remove(&oldest);
            removed.map_err(|error| failed("remove", &oldest, error))?;
            if let Err(error) = self.disk.sync_folder(&self.folder) {
                return Err(self.poison("sync the folder of", &error));
            }
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Nothing can be written any more, only removed: somebody else may open the journal.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Where reading goes on at a position that [`Cursor::position`] gave; without one at
    /// the journal's start.
    ///
    /// # Errors
    /// `Invalid` if the journal does not have the position.
    pub fn cursor_at(&self, resume: Option<&str>) -> Result<Cursor> {
        let token = resume.map(|text| Token::read(text, &self.folder));
        let first = self
            .segments
            .front()
            .map_or(self.next, |segment| segment.first);
        let token = token.transpose()?;
        let start = start(&self.folder, self.id, token.as_ref(), (first, self.next))?;
        Ok(self.cursor(start))
    }

    /// A cursor at a record that is there, or at the end.
    fn cursor(&self, sequence: u64) -> Cursor {
        let after = self
            .segments
            .partition_point(|segment| segment.first <= sequence);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        let first = segment.map_or(sequence, |segment| segment.first);
        let offset = segment.map_or(0, |segment| segment.offset(sequence));
        Cursor::new(&self.disk, &self.folder, self.id, (first, offset), sequence)
    }

    fn start_segment(&mut self) -> Result<()> {
        let header = SegmentHeader {
            id: self.id,
            first: self.next,
        };
        match create(self.disk.as_ref(), &self.folder, header) {
            Ok(file) => {
                self.file = file;
                self.segments.push_back(Segment::new(self.next));
                Ok(())
            }
            Err((Step::Undone, error)) => Err(self.refuse("start a segment after", error)),
            Err((Step::Unknown, error)) => Err(self.poison("start a segment after", &error)),
        }
    }

    fn is_writable(&self) -> Result<()> {
        self.is_sound()?;
        match self.closed {
            false => Ok(()),
            true => Err(Error::closed(format!(
                "the journal in {} is closed",
                self.folder.display()
            ))),
        }
    }

    fn is_sound(&self) -> Result<()> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(Error::internal(why.clone())),
        }
    }

    /// Nothing has changed on the disk: a full one is waited for.
    fn refuse(&mut self, what: &str, error: io::Error) -> Error {
        match is_full(&error) {
            true => failed(what, &self.written(), error),
            false => self.poison(what, &error),
        }
    }

    /// What has changed on the disk is not known. A second sync that succeeds proves
    /// nothing: the system may have dropped the bytes.
    fn poison(&mut self, what: &str, error: &io::Error) -> Error {
        let why = format!(
            "cannot {what} {}: {error}; what is not known to be on the disk is not trusted: \
             check the disk and start again",
            self.written().display()
        );
        self.broken = Some(why.clone());
        Error::internal(why)
    }

    /// The file that is written to.
    fn written(&self) -> PathBuf {
        let first = self.segments.back().map_or(self.next, |last| last.first);
        path(&self.folder, first)
    }
}

/// What is known after a step that failed.
pub(super) enum Step {
    /// It may be done again.
    Undone,
    /// Nothing may be built on it.
    Unknown,
}

/// Makes a segment: it is there with its header, durably, or not at all.
pub(super) fn create(
    disk: &dyn Disk,
    folder: &Path,
    header: SegmentHeader,
) -> Result<Box<dyn DiskFile>, (Step, io::Error)> {
    let name = path(folder, header.first);
    let hidden = name.with_extension("log.tmp");
    let undone = |error| (Step::Undone, error);
    let unknown = |error| (Step::Unknown, error);
    let mut file = disk.create(&hidden).map_err(undone)?;
    file.write(&header.encode()).map_err(undone)?;
    file.sync().map_err(unknown)?;
    disk.rename(&hidden, &name).map_err(undone)?;
    disk.sync_folder(folder).map_err(unknown)?;
    Ok(file)
}
