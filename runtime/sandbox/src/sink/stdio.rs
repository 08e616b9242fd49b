//! What a sink prints goes to the log, line by line.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use super::Setup;
use crate::{
    Level,
    limits::WRITE,
    print::{self, Begun},
};

/// Standard output or standard error.
#[derive(Clone)]
pub(super) struct Printed {
    setup: Setup,
    level: Level,
    last: LastLine,
    begun: Arc<Mutex<Begun>>,
}

/// What was printed last: a panic says there what happened.
pub(super) type LastLine = Arc<Mutex<Option<String>>>;

// === impl Printed ===

impl Printed {
    pub(super) fn new(setup: Setup, level: Level, last: LastLine) -> Self {
        Self {
            setup,
            level,
            last,
            begun: Arc::default(),
        }
    }

    fn print(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for line in begun.add(bytes, self.setup.lines.longest()) {
            self.tell(&line);
        }
    }

    /// Tells a line that has no end.
    pub(super) fn end(&self) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = begun.end() {
            self.tell(&line);
        }
    }

    fn tell(&self, line: &str) {
        let (lines, limits) = (&self.setup.lines, &self.setup.limits);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        print::remember(&mut last, lines.clean(line, limits.reason));
        lines.log(self.level, line);
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE {
            let what = "it wrote more than it may at once";
            return Err(StreamError::Trap(wasmtime::Error::msg(what)));
        }
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
