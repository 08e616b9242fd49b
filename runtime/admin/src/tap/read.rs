//! The lines of a tap, as a client reads them.

use std::io::{self, BufRead, BufReader, Read};

use ureq::{Body, BodyReader};

use super::TapLine;
use crate::client::ClientError;

/// The longest line: a row takes at most 64 KiB, and JSON writes a byte with six at most.
const LINE: u64 = 1 << 20;

/// Lines as they come, up to the one that tells the end.
pub struct TapLines {
    lines: BufReader<BodyReader<'static>>,
    address: String,
    has_ended: bool,
}

// === impl TapLines ===

impl TapLines {
    pub(crate) fn new(body: Body, address: &str) -> Self {
        Self {
            lines: BufReader::new(body.into_reader()),
            address: address.to_owned(),
            has_ended: false,
        }
    }

    fn read(&mut self) -> io::Result<TapLine> {
        let mut line = String::new();
        (&mut self.lines).take(LINE).read_line(&mut line)?;
        match line.ends_with('\n') {
            true => serde_json::from_str(&line).map_err(io::Error::from),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Iterator for TapLines {
    type Item = Result<TapLine, ClientError>;

    /// Waits for the next line. After an error nothing comes any more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let line = self.read();
        self.has_ended = matches!(line, Ok(TapLine::Ended(_)) | Err(_));
        let address = &self.address;
        Some(line.map_err(|error| {
            ClientError::Away(format!("the pipeline at {address} has gone: {error}"))
        }))
    }
}

impl std::fmt::Debug for TapLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TapLines").finish_non_exhaustive()
    }
}
