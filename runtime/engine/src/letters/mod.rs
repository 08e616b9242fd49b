//! Dead letters: what the sinks of rejected rows have committed, read back.

mod letter;
mod read;

pub use letter::Letter;
pub use read::{DeadLetters, LetterSink};
