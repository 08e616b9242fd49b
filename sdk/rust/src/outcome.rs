//! What becomes of a batch that was given to a sink.

use std::time::Duration;

/// What became of the rows of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All were taken. They need to be durable only after the next successful
    /// [`flush`](crate::Sink::flush).
    Accepted,
    /// Some were taken, the others are listed.
    Partial(Partial),
    /// None was taken: the host waits this long, then offers the same batch again.
    /// The reason is for a person to read. [`Outcome::retry_after`] makes it.
    RetryAfter(Duration, String),
}

/// The rows of a batch that were not taken. A row is in one of the lists at most;
/// all rows in neither were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Rows (from 0) that can never be taken, and why: they go to the dead letters.
    pub rejected: Vec<(usize, String)>,
    /// Rows that the host offers again, alone, as a batch of their own.
    pub retry: Vec<usize>,
    /// How long it waits before that.
    pub after: Duration,
}

/// What became of all rows that were taken since the last flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// They are durable: the host may forget where they came from.
    Done,
    /// Not yet: the host waits this long, then flushes again. The reason is for a
    /// person to read. [`Flushed::retry_after`] makes it.
    RetryAfter(Duration, String),
}

// === impl Outcome ===

impl Outcome {
    /// None was taken, for this reason: the host offers the same batch again.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::RetryAfter(after, reason.into())
    }
}

impl From<Partial> for Outcome {
    fn from(partial: Partial) -> Self {
        match partial.rejected.is_empty() && partial.retry.is_empty() {
            true => Self::Accepted,
            false => Self::Partial(partial),
        }
    }
}

// === impl Partial ===

impl Partial {
    /// Says that a row can never be taken.
    pub fn reject(&mut self, row: usize, reason: impl Into<String>) {
        self.rejected.push((row, reason.into()));
    }
}

// === impl Flushed ===

impl Flushed {
    /// Not durable yet, for this reason: the host flushes again.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::RetryAfter(after, reason.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_without_rows_is_all_of_them() {
        assert_eq!(Outcome::from(Partial::default()), Outcome::Accepted);
        let mut partial = Partial::default();
        partial.reject(3, "no user");
        assert_eq!(partial.rejected, [(3, "no user".to_owned())]);
        assert_eq!(Outcome::from(partial.clone()), Outcome::Partial(partial));
    }
}
