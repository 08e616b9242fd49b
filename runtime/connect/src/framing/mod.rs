//! Framing: a stream of bytes, in pieces of any size, to whole records.

mod chunk;
mod framer;
mod quotes;

pub use chunk::{CHUNK_BYTES, CHUNK_RECORDS, Chunk};
pub use framer::{DEFAULT_MAX_RECORD, Framer, LARGEST_MAX_RECORD};

use azud_model::{ByteSize, Error, Result};

/// Whether a source's `max_line` makes sense.
///
/// # Errors
/// `Invalid` if it is nothing, or more than [`LARGEST_MAX_RECORD`].
pub fn check_max_line(max_line: ByteSize) -> Result<()> {
    match max_line {
        zero if zero.as_bytes() == 0 => Err(Error::invalid(
            "with `max_line: 0` every line is too long: leave it out, or write a size like 16MiB",
        )),
        size if size > LARGEST_MAX_RECORD => Err(Error::invalid(format!(
            "`max_line` is at most {LARGEST_MAX_RECORD}"
        ))),
        _ => Ok(()),
    }
}

/// How a byte stream is cut into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// At `\n` or `\r\n`.
    Lines,
    /// At line ends outside of quotes; the first record of each file is the header if `header`.
    Csv {
        /// Whether a file starts with a line of names.
        header: bool,
    },
}
