//! Why a plugin refuses a schema or fails a batch: a text for a person.

use std::fmt;

/// A reason, in the words of the plugin's author.
///
/// Any standard error turns into one with `?`.
pub struct Error(String);

/// What every fallible call of this crate gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `reason`.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The reason, for the host.
    pub fn into_reason(self) -> String {
        self.0
    }
}

// Not `std::error::Error` itself, so that the conversion below may exist.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
