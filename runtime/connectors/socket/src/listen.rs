//! Reading from whoever connects: `listen: "host:port"`.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use azud_connect::{Read, Records, Source, SourceContext, SourceReader};
use azud_model::{ByteSize, Error, Partition, Position, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::SocketOptions;
use crate::connection::Connection;

/// Accepts connections, each a partition of its own: the peer's address and a
/// number. It never ends by itself, but with `trigger: once` it does when the
/// first connections have come and all of them have closed.
pub struct ListenSource {
    address: String,
    max_line: ByteSize,
    max_connections: usize,
    context: SourceContext,
    bound: Mutex<Option<SocketAddr>>,
}

struct Reader {
    listener: TcpListener,
    max_line: ByteSize,
    max_connections: usize,
    context: SourceContext,
    /// The connections that are read: each gives one chunk and waits until it is taken.
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Given>,
    given: mpsc::Receiver<Given>,
    count: u64,
    positions: BTreeMap<u64, Position>,
    /// Connections that have closed, the latest of them.
    closed: VecDeque<u64>,
    ended: u64,
}

/// What a connection's task gives; without records it has closed.
struct Given {
    number: u64,
    position: Position,
    records: Option<Records>,
}

// === impl ListenSource ===

impl ListenSource {
    pub(crate) fn new(address: &str, options: &SocketOptions, context: SourceContext) -> Self {
        Self {
            address: address.to_owned(),
            max_line: options.max_line(),
            max_connections: options.max_connections(),
            context,
            bound: Mutex::default(),
        }
    }

    /// Where it listens, once it is open: of interest with port 0.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Source for ListenSource {
    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let node = &self.context.node;
        let refused =
            |error| Error::invalid(format!("cannot listen at {}", self.address)).because(error);
        let listener = TcpListener::bind(&self.address).await.map_err(refused)?;
        let bound = listener.local_addr().ok();
        if let Some(bound) = bound {
            tracing::info!("source `{node}` listens at {bound}");
        }
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        // One chunk waits for all connections together; each holds another.
        let (sender, given) = mpsc::channel(1);
        Ok(vec![Box::new(Reader {
            listener,
            max_line: self.max_line,
            max_connections: self.max_connections,
            context: self.context.clone(),
            tasks: JoinSet::new(),
            sender,
            given,
            count: 0,
            positions: BTreeMap::new(),
            closed: VecDeque::new(),
            ended: 0,
        })])
    }
}

// === impl Reader ===

impl Reader {
    fn accept(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.count += 1;
        let number = self.count;
        let partition = Partition {
            source: self.context.node.clone(),
            name: format!("{peer}#{number}"),
        };
        let mut connection =
            Connection::new(stream, self.context.framing, self.max_line, partition);
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            // A connection that breaks has closed: the lines that were whole are given.
            while let Ok(Some(records)) = connection.lines().await {
                let given = Given {
                    number,
                    position: connection.position(),
                    records: Some(records),
                };
                if sender.send(given).await.is_err() {
                    return;
                }
            }
            let position = connection.position();
            let closed = Given {
                number,
                position,
                records: None,
            };
            // Nobody listens any more: then nobody needs to know.
            let _ = sender.send(closed).await;
        });
    }

    fn take(&mut self, given: Given) -> Option<Records> {
        if given.records.is_none() {
            self.closed.push_back(given.number);
            self.ended += 1;
        }
        self.positions.insert(given.number, given.position);
        // Of connections that have closed only the latest are remembered.
        while self.closed.len() > self.max_connections {
            if let Some(oldest) = self.closed.pop_front() {
                self.positions.remove(&oldest);
            }
        }
        given.records
    }

    fn has_ended(&self) -> bool {
        self.context.finite && self.count > 0 && self.ended == self.count
    }
}

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        loop {
            if self.has_ended() {
                return Ok(Read::End);
            }
            let has_room = self.tasks.len() < self.max_connections;
            // Each of these may be dropped without a loss.
            tokio::select! {
                Some(given) = self.given.recv() => {
                    if let Some(records) = self.take(given) {
                        return Ok(Read::Records(records));
                    }
                }
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
                accepted = self.listener.accept(), if has_room => {
                    let (stream, peer) = accepted.map_err(|error| {
                        Error::unavailable("cannot accept a connection").because(error)
                    })?;
                    self.accept(stream, peer);
                }
            }
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.positions.values().cloned().collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
