//! Framing: a stream of bytes, in pieces of any size, to whole records.

mod chunk;
mod framer;
mod quotes;

pub use chunk::{CHUNK_BYTES, CHUNK_RECORDS, Chunk};
pub use framer::{DEFAULT_MAX_RECORD, Framer, LARGEST_MAX_RECORD};

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
