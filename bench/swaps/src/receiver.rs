//! The server that the sink posts rows to.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow};
use serde::Deserialize;

use crate::partitions::Partitions;

/// Takes rows until it is stopped.
pub(crate) struct Receiver {
    server: Arc<tiny_http::Server>,
    takes: JoinHandle<Result<Partitions>>,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
}

// === impl Receiver ===

impl Receiver {
    pub(crate) fn start() -> Result<Self> {
        let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| anyhow!(error))?;
        let server = Arc::new(server);
        let of = server.clone();
        let takes = thread::spawn(move || take(&of));
        Ok(Self { server, takes })
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.server_addr().to_ip().map_or(0, |at| at.port())
    }

    /// What it was given.
    ///
    /// # Errors
    /// Where that was no list of rows.
    pub(crate) fn stop(self) -> Result<Partitions> {
        self.server.unblock();
        let taken = self.takes.join();
        taken.map_err(|_| anyhow!("the receiver panicked"))?
    }
}

fn take(server: &tiny_http::Server) -> Result<Partitions> {
    let mut partitions = Partitions::default();
    let mut body = Vec::new();
    for mut request in server.incoming_requests() {
        body.clear();
        request.as_reader().read_to_end(&mut body)?;
        for row in serde_json::Deserializer::from_slice(&body).into_iter::<Row>() {
            partitions.add(row?.id);
        }
        request.respond(tiny_http::Response::empty(204))?;
    }
    Ok(partitions)
}
