//! What a sink answers, checked: row numbers of a guest are hostile input too.

use std::time::Duration;

pub(super) use crate::bindings::sink::exports::azud::plugin::sink as wire;
use crate::{GuestError, Rejected};

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken. Durable only after the next flush.
    Accepted,
    /// Rows in neither list are taken.
    Partial {
        /// Rows that can never be taken, each once.
        rejected: Vec<Rejected>,
        /// Rows to be offered again, alone; ascending, each once, none of them rejected.
        retry: Vec<u32>,
        /// How long to wait before.
        after: Duration,
    },
    /// Nothing taken: the same batch is to be offered again.
    RetryAfter {
        /// How long to wait before.
        after: Duration,
        /// Why, in the plugin's words.
        reason: String,
    },
    /// Nothing taken, and offering it again will not help: why.
    Failed(String),
}

/// What became of a flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Everything accepted is durable.
    Done,
    /// Not yet: ask again.
    RetryAfter {
        /// How long to wait before.
        after: Duration,
        /// Why, in the plugin's words.
        reason: String,
    },
    /// It will never be: why.
    Failed(String),
}

/// Checks the answer to a batch of so many rows.
pub(super) fn checked(
    outcome: wire::Outcome,
    rows: usize,
    clean: impl Fn(&str) -> String,
) -> Result<Outcome, GuestError> {
    Ok(match outcome {
        wire::Outcome::Accepted => Outcome::Accepted,
        wire::Outcome::RetryAfter(retry) => Outcome::RetryAfter {
            after: milliseconds(retry.after_ms),
            reason: clean(&retry.reason),
        },
        wire::Outcome::Failed(reason) => Outcome::Failed(clean(&reason)),
        wire::Outcome::Partial(partial) => {
            let mut seen = vec![false; rows];
            let mut once = |row: u32, what: &str| match seen.get_mut(row as usize) {
                None => Err(GuestError::invalid(format!(
                    "row {row} of a batch of {rows} rows is {what}"
                ))),
                Some(true) => Err(GuestError::invalid(format!("row {row} is named twice"))),
                Some(seen) => {
                    *seen = true;
                    Ok(row)
                }
            };
            let rejected = partial.rejected.into_iter().map(|entry| {
                Ok(Rejected {
                    row: once(entry.row, "rejected")?,
                    reason: clean(&entry.reason),
                })
            });
            let rejected = rejected.collect::<Result<Vec<_>, GuestError>>()?;
            let retry = partial.retry.into_iter();
            let retry = retry.map(|row| once(row, "to be offered again"));
            let mut retry = retry.collect::<Result<Vec<_>, GuestError>>()?;
            retry.sort_unstable();
            Outcome::Partial {
                rejected,
                retry,
                after: milliseconds(partial.after_ms),
            }
        }
    })
}

/// The answer to a flush.
pub(super) fn flushed(flushed: wire::Flushed, clean: impl Fn(&str) -> String) -> Flushed {
    match flushed {
        wire::Flushed::Done => Flushed::Done,
        wire::Flushed::RetryAfter(retry) => Flushed::RetryAfter {
            after: milliseconds(retry.after_ms),
            reason: clean(&retry.reason),
        },
        wire::Flushed::Failed(reason) => Flushed::Failed(clean(&reason)),
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sink::azud::plugin::types;

    fn partial(rejected: &[u32], retry: &[u32]) -> Result<Outcome, GuestError> {
        let reject = |row: &u32| types::Rejected {
            row: *row,
            reason: "no\n".into(),
        };
        let partial = wire::Partial {
            rejected: rejected.iter().map(reject).collect(),
            retry: retry.to_vec(),
            after_ms: 5,
        };
        checked(wire::Outcome::Partial(partial), 3, |text| {
            text.trim().to_owned()
        })
    }

    #[test]
    fn rows_are_sorted_and_reasons_cleaned() {
        let rejected = vec![Rejected {
            row: 1,
            reason: "no".into(),
        }];
        let expected = Outcome::Partial {
            rejected,
            retry: vec![0, 2],
            after: Duration::from_millis(5),
        };
        assert_eq!(partial(&[1], &[2, 0]), Ok(expected));
    }

    #[test]
    fn rows_that_are_not_there_or_named_twice_are_refused() {
        for (rejected, retry, what) in [
            (&[3][..], &[][..], "row 3 of a batch of 3 rows is rejected"),
            (
                &[],
                &[9],
                "row 9 of a batch of 3 rows is to be offered again",
            ),
            (&[1, 1], &[], "row 1 is named twice"),
            (&[], &[0, 0], "row 0 is named twice"),
            (&[2], &[2], "row 2 is named twice"),
        ] {
            assert_eq!(partial(rejected, retry), Err(GuestError::invalid(what)));
        }
    }
}
