//! Connections, few at a time: the endpoint may not take the files that the pipeline needs.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// So many connections are served at a time; others wait.
const CONNECTIONS: usize = 64;

/// How long nothing may come or be taken while no request is computed.
const SILENCE: Duration = Duration::from_secs(10);

/// Accepts a connection when there is room for it.
pub(crate) struct Few {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

/// A connection, and its place among the few.
pub(crate) struct Connection {
    stream: TcpStream,
    /// When something has to have come, or been taken.
    silent: Pin<Box<Sleep>>,
    /// When something of what is written has to have been taken; whatever comes meanwhile.
    stuck: Option<Pin<Box<Sleep>>>,
    requests: Requests,
    _place: Option<OwnedSemaphorePermit>,
}

/// How many requests of a connection are being computed: whoever waits for an answer is silent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(Arc<AtomicUsize>);

/// One of them.
struct Computed(Requests);

// === impl Requests ===

impl Requests {
    /// Counts a request until its answer begins.
    pub(crate) async fn count(
        ConnectInfo(requests): ConnectInfo<Self>,
        request: Request,
        next: Next,
    ) -> Response {
        requests.0.fetch_add(1, Ordering::Relaxed);
        let _computed = Computed(requests);
        next.run(request).await
    }

    fn are_computed(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Connected<IncomingStream<'_, Few>> for Requests {
    fn connect_info(stream: IncomingStream<'_, Few>) -> Self {
        stream.io().requests.clone()
    }
}

impl Drop for Computed {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Few ===

impl Few {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            room: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl Listener for Few {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore.
        let place = self.room.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            silent: Box::pin(sleep(SILENCE)),
            stuck: None,
            requests: Requests::default(),
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

// === impl Connection ===

impl Connection {
    /// Silence begins anew; the task of `context` is woken at its end.
    fn is_heard(&mut self, context: &mut Context<'_>) {
        self.silent.set(sleep(SILENCE));
        let _ = self.silent.as_mut().poll(context);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.is_heard(context);
            return read;
        }
        while self.silent.as_mut().poll(context).is_ready() {
            if !self.requests.are_computed() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.is_heard(context);
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.stuck = None;
            self.is_heard(context);
        }
        if written.is_pending() {
            let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
            if stuck.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
