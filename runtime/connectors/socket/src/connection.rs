//! One connection: bytes in, chunks of lines out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use azud_connect::{Chunk, Framer, Framing, Records};
use azud_model::{ByteSize, Partition, Position};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// What one read may bring.
const PIECE: usize = 64 * 1024;

/// So many reads without a chunk, and others get their turn: a line that is too
/// long fills no chunk, however fast it comes.
const PIECES: usize = 16;

/// A peer that has gone without a word is noticed after this and a few probes.
const KEEPALIVE: Duration = Duration::from_secs(60);

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
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!("{}: no keepalive: {error}", partition.name);
        }
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
            let mut starved = true;
            for _ in 0..PIECES {
                if self.framer.is_full() || self.ended || self.broken.is_some() {
                    break;
                }
                match self.stream.try_read(&mut self.piece) {
                    Ok(0) => self.end(),
                    Ok(read) => self.framer.push(self.piece.get(..read).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        starved = false;
                        break;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => self.broken = Some(error),
                }
            }
            if let Some(chunk) = self.framer.chunk() {
                return Ok(Some(self.records(chunk)));
            }
            // Of a connection that broke the whole lines are given first; half a line is none.
            if let Some(error) = self.broken.take() {
                if self.framer.is_within_record() {
                    let name = &self.partition.name;
                    tracing::warn!("{name} broke within line {}, which is lost", self.next);
                }
                return Err(error);
            }
            if self.ended {
                return Ok(None);
            }
            match starved {
                true => tokio::task::yield_now().await,
                false => self.stream.readable().await?,
            }
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
