//! One connection: bytes in, chunks of lines out.

use std::io;
use std::sync::Arc;

use azud_connect::{Chunk, Framer, Framing, Records};
use azud_model::{ByteSize, Partition, Position};
use tokio::net::TcpStream;

/// What one read may bring.
const PIECE: usize = 64 * 1024;

/// A connection, and the lines that are complete.
pub(crate) struct Connection {
    stream: TcpStream,
    framer: Framer,
    piece: Vec<u8>,
    partition: Arc<Partition>,
    next: u64,
    ended: bool,
    broken: Option<io::Error>,
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        framing: Framing,
        max_line: ByteSize,
        partition: Partition,
    ) -> Self {
        Self {
            stream,
            framer: Framer::new(framing, max_line),
            piece: vec![0; PIECE],
            partition: Arc::new(partition),
            next: 1,
            ended: false,
            broken: None,
        }
    }

    /// The lines that have arrived, as soon as there is one; `None` when the
    /// other side has closed and everything was given.
    ///
    /// Safe to cancel: bytes go from the socket to the framer without a wait in between.
    pub(crate) async fn lines(&mut self) -> io::Result<Option<Records>> {
        loop {
            // What else has arrived goes into the same chunk.
            while !self.framer.is_full() && !self.ended && self.broken.is_none() {
                match self.stream.try_read(&mut self.piece) {
                    Ok(0) => self.end(),
                    Ok(read) => self.framer.push(self.piece.get(..read).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => self.broken = Some(error),
                }
            }
            if let Some(chunk) = self.framer.chunk() {
                return Ok(Some(self.records(chunk)));
            }
            // Of a connection that broke the whole lines are given first; half a line is none.
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            if self.ended {
                return Ok(None);
            }
            self.stream.readable().await?;
        }
    }

    /// The last line needs no line end.
    fn end(&mut self) {
        self.framer.end();
        self.ended = true;
    }

    fn records(&mut self, chunk: Chunk) -> Records {
        self.next = chunk.next();
        chunk.into_records(self.partition.clone(), None)
    }

    /// Lines cannot be asked for again: the position is for people.
    pub(crate) fn position(&self) -> Position {
        Position {
            partition: self.partition.clone(),
            next: self.next.to_string(),
        }
    }
}
