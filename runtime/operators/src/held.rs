//! What an operator keeps, and until when: for people who ask why nothing comes.

/// Some of what an operator keeps. Times are microseconds since 1970, those at which something
/// goes are watermarks of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it is, in the plural: `groups of windows`, `rows of the left side`.
    pub what: &'static str,
    /// How many there are.
    pub rows: u64,
    /// How many of them no watermark takes out.
    pub for_ever: u64,
    /// Where event time begins for them: the start of the first window, the time of the
    /// oldest row.
    pub oldest: Option<i64>,
    /// When the first of those goes that go: a window closes, a row can match nothing any more.
    pub first: Option<i64>,
    /// When the last of these goes.
    pub last: Option<i64>,
    /// When the next of them is due by the clock, whatever the watermark is.
    pub due: Option<i64>,
}

// === impl Held ===

impl Held {
    /// What is kept whatever the watermark is.
    pub fn for_ever(what: &'static str, rows: usize) -> Self {
        Self {
            what,
            rows: rows as u64,
            for_ever: rows as u64,
            oldest: None,
            first: None,
            last: None,
            due: None,
        }
    }

    /// What goes when the watermark is at each of these times, `i64::MAX`: never; it began
    /// `before` that.
    pub fn until(what: &'static str, times: impl Iterator<Item = i64>, before: i64) -> Self {
        let mut held = Self::for_ever(what, 0);
        for time in times {
            held.rows += 1;
            if time == i64::MAX {
                held.for_ever += 1;
                continue;
            }
            held.first = Some(held.first.map_or(time, |first| first.min(time)));
            held.last = Some(held.last.map_or(time, |last| last.max(time)));
        }
        held.oldest = held.first.map(|first| first.saturating_sub(before));
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_told_from_what_stays() {
        let held = Held::until("rows", [30, i64::MAX, 20].into_iter(), 5);
        let expected = Held {
            what: "rows",
            rows: 3,
            for_ever: 1,
            oldest: Some(15),
            first: Some(20),
            last: Some(30),
            due: None,
        };
        assert_eq!(held, expected);
        assert_eq!(
            Held::until("rows", std::iter::empty(), 5),
            Held::for_ever("rows", 0)
        );
    }
}
