//! Reading one file, on a thread that may block, a few chunks ahead.

use std::io::{ErrorKind, Read};

use azud_connect::{Chunk, Framer, Framing};
use azud_model::{ByteSize, Error, Result};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::content;
use super::find::Found;
use super::place::Place;

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

// === impl Task ===

impl Task {
    /// Starts to read; dropping the receiver stops it.
    pub(super) fn start(self) -> mpsc::Receiver<Result<Chunk>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = self.run(&sender) {
                // Whoever does not listen any more does not want the error either.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }

    fn run(&self, sender: &mpsc::Sender<Result<Chunk>>) -> Result<()> {
        let from = self.from;
        let mut framer = Framer::new(self.framing, self.max_line);
        if from.offset > 0 {
            framer = framer.resume(self.header()?, from.line, from.offset);
        }
        let mut content =
            content::open(&self.file.path, from.offset).map_err(|error| self.failed(1, error))?;
        let mut piece = vec![0; PIECE];
        let mut next = from.line.max(1);
        loop {
            let read = match content.read(&mut piece) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // What was complete is given before the error.
                    while let Some(chunk) = framer.chunk() {
                        next = chunk.next();
                        if sender.blocking_send(Ok(chunk)).is_err() {
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
                    return Ok(());
                };
                next = chunk.next();
                if sender.blocking_send(Ok(chunk)).is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The header of a file that is not read from its start.
    fn header(&self) -> Result<Option<Bytes>> {
        if self.framing != (Framing::Csv { header: true }) {
            return Ok(None);
        }
        let mut framer = Framer::new(self.framing, self.max_line);
        let mut content =
            content::open(&self.file.path, 0).map_err(|error| self.failed(1, error))?;
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
