//! The error that crosses crate borders: a kind that decides what happens, and a text for a person.

use std::fmt;

/// What the runtime does about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input (manifest, flag, plugin, option) is wrong: refuse to start.
    Invalid,
    /// A record is wrong: it goes to `rejected`, the others go on.
    Data,
    /// Another system cannot be reached now: try again with backoff.
    Unavailable,
    /// A plugin trapped, timed out or broke its contract: a new instance, then `rejected`.
    Plugin,
    /// This attempt at an epoch cannot be finished, and another may be: with a checkpoint the
    /// epoch is rolled back and computed again, in the running process.
    Aborted,
    /// The other side has gone for good: stop quietly.
    Closed,
    /// Azud itself is wrong: stop loudly.
    Internal,
}

/// An error with the [`ErrorKind`] that decides what the runtime does next.
///
/// The text is lower case, without a full stop, and says what, where and why.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cause: None,
        }
    }

    /// See [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// See [`ErrorKind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// See [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// See [`ErrorKind::Plugin`].
    pub fn plugin(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Plugin, message)
    }

    /// See [`ErrorKind::Aborted`].
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Aborted, message)
    }

    /// See [`ErrorKind::Closed`].
    pub fn closed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, message)
    }

    /// See [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds what was underneath: shown after a colon.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Puts `context: ` before the text.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What the runtime does about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<arrow::error::ArrowError> for Error {
    /// An Arrow kernel that fails on columns of our own making is our mistake.
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::internal("arrow").because(error)
    }
}
