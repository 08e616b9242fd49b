//! Reading one file, on a thread that may block, a few chunks ahead.

use std::io::{ErrorKind, Read};

use azud_connect::{Chunk, Framer, Framing};
use azud_model::{ByteSize, Error, Result};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::content;
use super::found::{Found, modified_ms};
use super::place::Place;
use super::state::End;

/// Chunks that wait for their reader; one more is being made.
const AHEAD: usize = 2;

const PIECE: usize = 256 * 1024;

/// What to read, and how.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) file: Found,
    pub(super) from: Place,
    pub(super) framing: Framing,
    pub(super) max_line: ByteSize,
}

/// A piece of a file.
#[derive(Debug)]
pub(super) enum Part {
    Chunk(Chunk),
    /// There is no more. Without this word the file was not read to its end.
    End(End),
}

// === impl Task ===

impl Task {
    /// Starts to read; dropping the receiver stops it.
    pub(super) fn start(self) -> mpsc::Receiver<Result<Part>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = self.run(&sender) {
                // Whoever does not listen any more does not want the error either.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }

    fn run(&self, sender: &mpsc::Sender<Result<Part>>) -> Result<()> {
        let from = self.from;
        let before = self.stamp();
        let mut framer = Framer::new(self.framing, self.max_line);
        if from.offset > 0 {
            framer = framer.resume(self.header()?, from.line, from.offset);
        }
        let mut next = from.line.max(1);
        let content = content::open(&self.file.path, from.offset);
        let Some(mut content) = content.map_err(|error| self.failed(next, error))? else {
            return Err(self.shorter());
        };
        let mut piece = vec![0; PIECE];
        loop {
            let read = match content.read(&mut piece) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // What was complete is given before the error.
                    while let Some(chunk) = framer.chunk() {
                        next = chunk.next();
                        if sender.blocking_send(Ok(Part::Chunk(chunk))).is_err() {
                            return Ok(());
                        }
                    }
                    return Err(self.failed(next, error));
                }
            };
            match piece.get(..read) {
                Some(bytes) if read > 0 => framer.push(bytes),
                _ => framer.end(),
            }
            while framer.is_full() || read == 0 {
                let Some(chunk) = framer.chunk() else {
                    if from.next > next {
                        return Err(self.shorter());
                    }
                    let end = Part::End(self.end(before));
                    // Whoever does not listen any more does not want the end either.
                    let _ = sender.blocking_send(Ok(end));
                    return Ok(());
                };
                next = chunk.next();
                if sender.blocking_send(Ok(Part::Chunk(chunk))).is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The size and time of the file.
    fn stamp(&self) -> Option<(u64, i64)> {
        let metadata = std::fs::metadata(&self.file.path).ok()?;
        Some((metadata.len(), modified_ms(&metadata).ok()?))
    }

    /// Whether the file is still what it was when it was opened: it may have
    /// waited for long, and what came in that time was read.
    fn end(&self, before: Option<(u64, i64)>) -> End {
        match (before, self.stamp()) {
            (Some(before), Some(after)) if before != after => End::Changed {
                grew: after.0 > before.0,
            },
            // One that was removed has no size to compare with later.
            (Some((size, _)), _) | (None, Some((size, _))) => End::Whole(size),
            (None, None) => End::Whole(self.file.size),
        }
    }

    /// The header of a file that is not read from its start.
    fn header(&self) -> Result<Option<Bytes>> {
        if self.framing != (Framing::Csv { header: true }) {
            return Ok(None);
        }
        let mut framer = Framer::new(self.framing, self.max_line);
        let content = content::open(&self.file.path, 0).map_err(|error| self.failed(1, error))?;
        let Some(mut content) = content else {
            return Ok(None);
        };
        let mut piece = vec![0; 4096];
        while framer.header().is_none() {
            let read = content
                .read(&mut piece)
                .map_err(|error| self.failed(1, error))?;
            match piece.get(..read) {
                Some(bytes) if read > 0 => framer.push(bytes),
                _ => break,
            }
        }
        Ok(framer.header().cloned())
    }

    /// There is less in the file than was read of it when the pipeline ran before:
    /// to go on at its end would be to skip what is there now.
    fn shorter(&self) -> Error {
        let (name, line) = (&self.file.name, self.from.last_line());
        Error::invalid(format!(
            "file `{name}` ends before line {line}, up to which it was read before: it was replaced \
             or cut; put it back as it was, or give what is there now another name"
        ))
    }

    /// A file that is damaged or gone is not skipped: the pipeline stops and says which it is.
    fn failed(&self, line: u64, error: std::io::Error) -> Error {
        let name = &self.file.name;
        let message = match error.kind() {
            ErrorKind::NotFound => format!("file `{name}` was removed before it was read"),
            ErrorKind::UnexpectedEof => format!(
                "file `{name}` ends too early, in line {line}: its compressed data is cut off; \
                 put the whole file in its place, or remove it"
            ),
            _ => format!("file `{name}` cannot be read further than line {line}"),
        };
        Error::invalid(message).because(error)
    }
}
