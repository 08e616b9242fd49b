//! Reading from a server: `connect: "host:port"`.

use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{OpenList, OpenPartitions, Read, Replay, Source, SourceContext, SourceReader};
use azud_model::{ByteSize, Error, Partition, Position, Result};
use tokio::net::TcpStream;

use crate::SocketOptions;
use crate::connection::Connection;

/// Connects when records are asked for, and again when the server has closed.
/// With `trigger: once` the server's close is the end.
pub struct ConnectSource {
    address: String,
    max_line: ByteSize,
    context: SourceContext,
}

struct Reader {
    address: String,
    max_line: ByteSize,
    context: SourceContext,
    connection: Option<Connection>,
    /// The connection that is read, once it has given a line.
    open: OpenList,
    /// How many connections there were: each is a partition of its own, because lines are counted anew.
    count: u64,
}

// === impl ConnectSource ===

impl ConnectSource {
    pub(crate) fn new(address: &str, options: &SocketOptions, context: SourceContext) -> Self {
        Self {
            address: address.to_owned(),
            max_line: options.max_line(),
            context,
        }
    }
}

#[async_trait]
impl Source for ConnectSource {
    fn replay(&self) -> Replay {
        Replay::Never
    }

    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        Ok(vec![Box::new(Reader {
            address: self.address.clone(),
            max_line: self.max_line,
            context: self.context.clone(),
            connection: None,
            open: OpenList::default(),
            count: 0,
        })])
    }
}

// === impl Reader ===

impl Reader {
    async fn connect(&mut self) -> Result<()> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| {
            Error::unavailable(format!("cannot connect to {}", self.address)).because(error)
        })?;
        self.count += 1;
        let partition = Partition {
            source: self.context.node.clone(),
            name: format!("{}#{}", self.address, self.count),
        };
        self.connection = Some(Connection::new(
            stream,
            self.context.framing,
            self.max_line,
            partition,
        ));
        Ok(())
    }
}

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        if self.connection.is_none() {
            if self.context.finite && self.count > 0 {
                return Ok(Read::End);
            }
            self.connect().await?;
        }
        let Some(connection) = &mut self.connection else {
            return Err(Error::internal("socket: no connection"));
        };
        match connection.lines().await {
            Ok(Some(records)) => {
                self.open.set(Some(records.partition.clone()));
                Ok(Read::Records(records))
            }
            Ok(None) => {
                self.connection = None;
                self.open.set(None);
                if self.context.finite {
                    return Ok(Read::End);
                }
                Err(Error::unavailable(format!(
                    "{} closed the connection",
                    self.address
                )))
            }
            Err(error) => {
                self.connection = None;
                self.open.set(None);
                // A finite run would take what was read so far for all there is.
                let message = format!("the connection to {} broke", self.address);
                Err(match self.context.finite {
                    true => Error::invalid(message).because(error),
                    false => Error::unavailable(message).because(error),
                })
            }
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn positions(&self) -> Vec<Position> {
        self.connection.iter().map(Connection::position).collect()
    }
}
