//! The search for a row with which a version fails alone: of a call that has failed, one of two
//! halves at a time.
//!
//! Unlike the search of the data path (`search.rs`) it looks for one row only, and gives up where
//! that costs more than it tells: a person wants an example.

use azud_sandbox::GuestError;

use super::Call;

/// A row with which the call fails alone, and why, after at most `log2 n + 2` calls; `None` where no
/// row does so, or that is not known.
pub(super) fn alone<T, C: Call<T>>(plugin: &mut T, call: &C) -> Option<(usize, GuestError)> {
    let mut rows = 0..call.rows();
    while rows.len() > 1 {
        let middle = rows.start + rows.len() / 2;
        match call.part(rows.start..middle)?.make(plugin) {
            Ok(_) => rows.start = middle,
            Err(error) if is_of_rows(&error) => rows.end = middle,
            Err(_) => return None,
        }
    }
    let row = rows.start;
    // It may have failed for what its rows are together.
    let error = call.part(rows)?.make(plugin).err()?;
    is_of_rows(&error).then_some((row, error))
}

/// Whether a row may be to blame, and is worth looking for: each call that loops takes its whole
/// deadline.
pub(super) fn is_of_rows(error: &GuestError) -> bool {
    !matches!(
        error,
        GuestError::Deadline { .. }
            | GuestError::Timeout { .. }
            | GuestError::Input { .. }
            | GuestError::Refused(_)
            | GuestError::Start { .. }
            | GuestError::Cancelled
    )
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::time::Duration;

    use super::*;
    use crate::swap::Compared;

    /// Fails where its rows are some that `bad` says; the plugin counts calls.
    #[derive(Clone)]
    struct Toy {
        rows: Range<usize>,
        bad: fn(&Range<usize>) -> bool,
        error: GuestError,
    }

    impl Call<u32> for Toy {
        type Answer = ();

        fn rows(&self) -> usize {
            self.rows.len()
        }

        fn make(&self, calls: &mut u32) -> Result<(), GuestError> {
            *calls += 1;
            match (self.bad)(&self.rows) {
                true => Err(self.error.clone()),
                false => Ok(()),
            }
        }

        fn part(&self, rows: Range<usize>) -> Option<Self> {
            let first = self.rows.start;
            Some(Self {
                rows: first + rows.start..first + rows.end,
                ..self.clone()
            })
        }

        fn compare(&self, (): &(), (): &(), _: &mut Compared) {}

        fn row(&self, _: usize, (): &()) -> (String, String) {
            Default::default()
        }
    }

    /// The row that is found of so many, and after how many calls.
    fn found(
        rows: usize,
        bad: fn(&Range<usize>) -> bool,
        error: GuestError,
    ) -> (Option<usize>, u32) {
        let toy = Toy {
            rows: 0..rows,
            bad,
            error,
        };
        let mut calls = 0;
        let found = alone(&mut calls, &toy);
        (found.map(|(row, _)| row), calls)
    }

    fn trapped() -> GuestError {
        GuestError::Trapped {
            reason: "a panic".to_owned(),
        }
    }

    #[test]
    fn a_row_is_found_in_few_calls() {
        let (row, calls) = found(3_000, |rows| rows.contains(&1_234), trapped());
        assert_eq!(row, Some(1_234));
        assert!(calls <= 13, "{calls}");
        // The first of several.
        let several = |rows: &Range<usize>| [99, 700, 2_999].iter().any(|row| rows.contains(row));
        assert_eq!(found(3_000, several, trapped()).0, Some(99));
        assert_eq!(found(3_000, |_| true, trapped()).0, Some(0));
        assert_eq!(found(1, |_| true, trapped()), (Some(0), 1));
    }

    #[test]
    fn no_row_is_blamed_for_what_others_do() {
        // Many rows together take too much memory.
        let (row, calls) = found(3_000, |rows| rows.len() > 10, trapped());
        assert_eq!(row, None);
        assert!(calls <= 13, "{calls}");
        assert_eq!(found(0, |_| false, trapped()), (None, 1));
        let loops = GuestError::Deadline {
            limit: Duration::from_secs(1),
        };
        assert_eq!(found(3_000, |_| true, loops), (None, 1));
    }
}
