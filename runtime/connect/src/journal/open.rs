//! What is found when a journal is opened.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use azud_model::{Error, Result};

use super::frame::{SEGMENT_HEADER, SegmentHeader};
use super::log::create;
use super::segment::{BLOCK, Segment, damaged, failed, is_full, number, path, scan};
use super::token::Token;
use crate::{Disk, DiskFile};

/// A journal as it was found, or made.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: u64,
    pub(super) segments: VecDeque<Segment>,
    /// The last of them.
    pub(super) file: Box<dyn DiskFile>,
    /// The sequence number after the last record.
    pub(super) next: u64,
    /// The sequence number of the record to read first.
    pub(super) start: u64,
}

// === impl Opened ===

impl Opened {
    /// See [`super::Journal::open`].
    pub(super) fn find(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        resume: Option<&str>,
        new_id: u64,
    ) -> Result<Self> {
        let files = files(disk.as_ref(), folder)?;
        let resume = resume.map(|text| Token::read(text, folder)).transpose()?;
        let Some(last) = files.last() else {
            return match resume {
                Some(token) => Err(missing(folder, &token, "there is no journal")),
                None => Self::make(disk, folder, new_id),
            };
        };
        let mut segments = VecDeque::new();
        let mut next = files.first().map_or(1, |(first, _)| *first);
        let mut id = None;
        for file in &files {
            let name = path(folder, file.0);
            let header = header(disk.as_ref(), &name)?;
            if header.first != file.0 || *id.get_or_insert(header.id) != header.id {
                return Err(damaged(&name, 0, "it is a file of another journal"));
            }
            if file.0 != next {
                let name = name.display();
                return Err(Error::invalid(format!(
                    "a file of the journal before {name} is missing: \
                     it had the records {next} to {}; put it back, or remove the journal \
                     and lose what it holds",
                    file.0.saturating_sub(1)
                )));
            }
            let found = scan(disk.as_ref(), &name, header.id, *file, file == last)?;
            next = found.next;
            segments.push_back(found.segment);
        }
        let id = id.unwrap_or(new_id);
        let first = segments.front().map_or(1, |segment| segment.first);
        let start = start(folder, id, resume.as_ref(), (first, next))?;
        let end = segments.back().map_or(0, |segment| segment.bytes);
        let file = repair(disk.as_ref(), &path(folder, last.0), (end, last.1))?;
        Ok(Self {
            id,
            segments,
            file,
            next,
            start,
        })
    }

    fn make(disk: &Arc<dyn Disk>, folder: &Path, id: u64) -> Result<Self> {
        let made = disk.make_folder(folder);
        made.map_err(|error| failed("make the folder", folder, error))?;
        let header = SegmentHeader { id, first: 1 };
        let file = create(disk.as_ref(), folder, header);
        Ok(Self {
            id,
            segments: VecDeque::from([Segment::new(1)]),
            file: file
                .map_err(|(_, error)| failed("start the journal in the folder", folder, error))?,
            next: 1,
            start: 1,
        })
    }
}

/// First record and length of each segment, in order. What a crash left of one that was being made is removed.
fn files(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, u64)>> {
    let listed = disk.list(folder);
    let mut files = Vec::new();
    for entry in listed.map_err(|error| failed("list", folder, error))? {
        if let Some(first) = number(&entry.name) {
            files.push((first, entry.bytes));
        }
        if entry.name.strip_suffix(".tmp").and_then(number).is_some() {
            let left = folder.join(&entry.name);
            let removed = disk.remove(&left);
            removed.map_err(|error| failed("remove", &left, error))?;
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn header(disk: &dyn Disk, name: &Path) -> Result<SegmentHeader> {
    let read = disk.read_at(name, 0, SEGMENT_HEADER);
    let bytes = read.map_err(|error| failed("read", name, error))?;
    SegmentHeader::decode(&bytes).map_err(|why| {
        let name = name.display();
        Error::invalid(format!("the journal file {name} cannot be read: {why}"))
    })
}

/// Where reading starts in a journal that has the records from `first` up to `next`.
pub(super) fn start(
    folder: &Path,
    id: u64,
    resume: Option<&Token>,
    (first, next): (u64, u64),
) -> Result<u64> {
    let Some(token) = resume else {
        if first > 1 {
            tracing::warn!(
                "the journal in {} is read from record {first} on, where its first file starts: \
                 no position is recorded, and what was before is committed and removed",
                folder.display()
            );
        }
        return Ok(first);
    };
    if !token.is_of(id) {
        return Err(missing(folder, token, "it is another journal"));
    }
    match token.next {
        before if before < first => Err(missing(
            folder,
            token,
            &format!("it starts at record {first}"),
        )),
        after if after > next => Err(missing(
            folder,
            token,
            &format!("it ends before record {next}"),
        )),
        within => Ok(within),
    }
}

fn missing(folder: &Path, token: &Token, why: &str) -> Error {
    Error::invalid(format!(
        "the journal in {} does not have the recorded position {}: {why}; put the journal \
         of this checkpoint back, or start without the checkpoint and lose what is between",
        folder.display(),
        token.write()
    ))
}

/// Cuts off what is behind the last frame, and makes sure that what is left is durable:
/// the process may have died between a write and its sync.
fn repair(disk: &dyn Disk, name: &Path, (end, bytes): (u64, u64)) -> Result<Box<dyn DiskFile>> {
    if end < bytes {
        tracing::warn!(
            "{} ends with a frame that is not whole: cut at byte {end}, {} bytes removed; a crash \
             while it was written leaves that, and nothing of it was acknowledged then",
            name.display(),
            bytes - end
        );
    }
    match renew(disk, name, end) {
        Ok(file) => return Ok(file),
        // A full disk must not keep a pipeline from starting that would make room.
        Err(error) if is_full(&error) => {}
        Err(error) => return Err(failed("renew", name, error)),
    }
    let opened = disk.append(name);
    let mut file = opened.map_err(|error| failed("open", name, error))?;
    let cut = file.truncate(end);
    cut.map_err(|error| failed("cut", name, error))?;
    let synced = file.sync();
    synced.map_err(|error| failed("sync", name, error))?;
    Ok(file)
}

/// Replaces a file by a copy of its first bytes. A sync of the file itself would prove
/// nothing after one that failed: the system may show bytes that it no longer writes.
fn renew(disk: &dyn Disk, name: &Path, end: u64) -> io::Result<Box<dyn DiskFile>> {
    let hidden = name.with_extension("log.tmp");
    let mut file = disk.create(&hidden)?;
    while file.bytes() < end {
        let rest = usize::try_from(end - file.bytes()).unwrap_or(BLOCK);
        let block = disk.read_at(name, file.bytes(), rest.min(BLOCK))?;
        if block.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = file.write(&block) {
            disk.remove(&hidden)?;
            return Err(error);
        }
    }
    file.sync()?;
    disk.rename(&hidden, name)?;
    if let Some(folder) = name.parent() {
        disk.sync_folder(folder)?;
    }
    Ok(file)
}
