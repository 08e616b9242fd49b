//! Reading from whoever connects: `listen: "host:port"`.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{
    OpenList, OpenPartitions, Read, Records, Replay, Source, SourceContext, SourceReader,
};
use azud_model::{ByteSize, Error, Partition, Position, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::SocketOptions;
use crate::connection::Connection;

/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

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
    /// The connections that have given a line and are not closed.
    open: OpenList,
    /// Connections that have closed, the latest of them.
    closed: VecDeque<u64>,
    ended: u64,
    /// Until when nobody is accepted, by the clock: it failed a moment ago.
    paused_until: Option<Duration>,
}

/// What a connection's task gives.
struct Given {
    number: u64,
    position: Position,
    what: What,
}

enum What {
    Records(Records),
    /// The last word: it was closed.
    Closed,
    /// The last word: it broke, and there may have been more.
    Broke(io::Error),
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
    fn replay(&self) -> Replay {
        Replay::Never
    }

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
            open: OpenList::default(),
            closed: VecDeque::new(),
            ended: 0,
            paused_until: None,
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
            loop {
                let what = match connection.lines().await {
                    Ok(Some(records)) => What::Records(records),
                    Ok(None) => What::Closed,
                    Err(error) => What::Broke(error),
                };
                let has_ended = !matches!(what, What::Records(_));
                let given = Given {
                    number,
                    position: connection.position(),
                    what,
                };
                // Where nobody listens any more, nobody needs to know.
                if sender.send(given).await.is_err() || has_ended {
                    return;
                }
            }
        });
    }

    /// Takes what a connection gave; `None` if that was its end.
    fn take(&mut self, given: Given) -> Result<Option<Records>> {
        let partition = given.position.partition.clone();
        let name = partition.name.clone();
        self.positions.insert(given.number, given.position);
        let broke = match given.what {
            What::Records(records) => {
                self.open.add(&partition);
                return Ok(Some(records));
            }
            What::Closed => None,
            What::Broke(error) => Some(error),
        };
        self.open.remove(&partition);
        self.closed.push_back(given.number);
        self.ended += 1;
        // Of connections that have closed only the latest are remembered.
        while self.closed.len() > self.max_connections {
            if let Some(oldest) = self.closed.pop_front() {
                self.positions.remove(&oldest);
            }
        }
        match broke {
            None => Ok(None),
            // It would take what was read so far for all there is.
            Some(error) if self.context.finite => {
                let message = format!("the connection from {name} broke");
                Err(Error::invalid(message).because(error))
            }
            Some(error) => {
                tracing::warn!("the connection from {name} broke: {error}");
                Ok(None)
            }
        }
    }

    /// Without a free file descriptor, say, nobody else is accepted for a while:
    /// those that are there are read on, and free theirs when they close.
    fn pause(&mut self, error: &io::Error) {
        let node = &self.context.node;
        let pause = ACCEPT_PAUSE.as_millis();
        tracing::warn!(
            "source `{node}` cannot accept a connection: {error}, trying again in {pause} ms"
        );
        self.paused_until = Some(self.context.clock.elapsed() + ACCEPT_PAUSE);
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
            let pause = self.paused_until.map_or(Duration::ZERO, |until| {
                until.saturating_sub(self.context.clock.elapsed())
            });
            // Each of these may be dropped without a loss.
            tokio::select! {
                Some(given) = self.given.recv() => {
                    if let Some(records) = self.take(given)? {
                        return Ok(Read::Records(records));
                    }
                }
                Some(joined) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    joined.map_err(|error| Error::internal("socket").because(error))?;
                }
                () = tokio::time::sleep(pause), if self.paused_until.is_some() => {
                    self.paused_until = None;
                }
                accepted = self.listener.accept(), if has_room && self.paused_until.is_none() => {
                    match accepted {
                        Ok((stream, peer)) => self.accept(stream, peer),
                        Err(error) => self.pause(&error),
                    }
                }
            }
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn positions(&self) -> Vec<Position> {
        self.positions.values().cloned().collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
