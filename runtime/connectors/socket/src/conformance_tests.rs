//! The kit's cases, of both sources behind a journal: what the runtime makes of them
//! with a checkpoint.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::conformance::{Flood, SourceFixture, SourcePromises, check_source};
use azud_connect::{JournalOptions, Journaled, SimulatedDisk, Source, SourceContext};
use azud_model::{ByteSize, Result, SystemClock};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{ConnectSource, ListenSource, SocketOptions};

/// A line of a flood: so that sockets' buffers hold few of them.
const LONG: usize = 2000;

/// The other side: sends what it is given, over one connection after the other.
struct Peer {
    listens: bool,
    disk: SimulatedDisk,
    lines: usize,
    sends: Arc<Sends>,
    address: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Sends {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<String>,
    sent: usize,
    ended: bool,
    breaks: bool,
}

// === impl Sends ===

impl Sends {
    /// Sends until the connection is to be closed; answers whether another one is to follow.
    async fn send(&self, stream: &mut TcpStream) -> bool {
        loop {
            let line = {
                let mut queue = self.queue.lock().unwrap();
                if std::mem::take(&mut queue.breaks) {
                    return true;
                }
                let line = queue.lines.pop_front();
                if line.is_none() && queue.ended {
                    return false;
                }
                line
            };
            match line {
                Some(line) => {
                    if stream.write_all(line.as_bytes()).await.is_err() {
                        return true;
                    }
                    self.queue.lock().unwrap().sent += 1;
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.queue.lock().unwrap());
        self.changed.notify_one();
    }
}

// === impl Peer ===

impl Peer {
    fn new(listens: bool) -> Self {
        Self {
            listens,
            disk: SimulatedDisk::default(),
            lines: 0,
            sends: Arc::default(),
            address: None,
            tasks: Vec::new(),
        }
    }

    fn stop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

/// Accepts one connection after the other: a new one takes the place of the one before.
async fn serve(server: TcpListener, sends: Arc<Sends>) {
    let mut stream = server.accept().await.unwrap().0;
    loop {
        tokio::select! {
            accepted = server.accept() => stream = accepted.unwrap().0,
            _ = sends.send(&mut stream) => {
                drop(stream);
                stream = server.accept().await.unwrap().0;
            }
        }
    }
}

/// Connects as soon as somebody listens, and again after a break.
async fn connect(source: Arc<ListenSource>, sends: Arc<Sends>) {
    let address = loop {
        match source.address() {
            Some(address) => break address,
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if !sends.send(&mut stream).await {
            return;
        }
    }
}

#[async_trait]
impl SourceFixture for Peer {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            // What had not arrived in the journal is lost in a crash.
            keeps: false,
            flood: Some(Flood {
                records: 20_000,
                ahead: 10_000,
            }),
            seeds: 4,
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.stop();
        self.disk = SimulatedDisk::default();
        self.sends = Arc::default();
        if !self.listens {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            self.address = server.local_addr().ok();
            let served = serve(server, self.sends.clone());
            self.tasks.push(tokio::spawn(served));
        }
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let first = self.lines;
        self.lines += count;
        let width = if count > 1000 { LONG } else { 0 };
        let lines: Vec<_> = (first..self.lines)
            .map(|n| format!("{n:0width$}"))
            .collect();
        self.sends.change(|queue| {
            queue
                .lines
                .extend(lines.iter().map(|line| format!("{line}\n")));
        });
        Ok(lines)
    }

    async fn end(&mut self) -> Result<()> {
        self.sends.change(|queue| queue.ended = true);
        Ok(())
    }

    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>> {
        let (options, finite) = (SocketOptions::default(), context.finite);
        let inner: Arc<dyn Source> = match self.listens {
            true => {
                let source = ListenSource::new("127.0.0.1:0", &options, context);
                let source = Arc::new(source);
                self.stop();
                let connected = connect(source.clone(), self.sends.clone());
                self.tasks.push(tokio::spawn(connected));
                source
            }
            false => {
                let address = self.address.unwrap().to_string();
                Arc::new(ConnectSource::new(&address, &options, context))
            }
        };
        let journal = JournalOptions {
            max_bytes: ByteSize::from_mib(4),
            ..JournalOptions::default()
        };
        Ok(Arc::new(Journaled::new(
            inner,
            "source",
            Path::new("state/journal"),
            Arc::new(self.disk.clone()),
            journal,
            finite,
            Arc::new(SystemClock::new()),
        )))
    }

    async fn disconnect(&mut self) -> Result<bool> {
        self.sends.change(|queue| queue.breaks = true);
        // It is not to be mistaken for a break of the next connection.
        while self.sends.queue.lock().unwrap().breaks {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(true)
    }

    fn taken(&self) -> Option<usize> {
        Some(self.sends.queue.lock().unwrap().sent)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_journal_keeps_every_promise_of_a_source() {
    let report = check_source(&mut Peer::new(false)).await.unwrap();
    assert_eq!(report.skipped, ["restarts", "roll-back", "share"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_behind_a_journal_keep_every_promise_of_a_source() {
    let report = check_source(&mut Peer::new(true)).await.unwrap();
    assert_eq!(report.skipped, ["restarts", "roll-back", "share"]);
}
