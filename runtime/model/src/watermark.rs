//! How far event time has come.

/// How far the event time of some rows has come. Times are microseconds since
/// 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Nothing up to this time is expected any more; `i64::MIN`: nothing is known yet.
    pub time: i64,
    /// The end of an earlier run's input: what held a time up to this one was closed then,
    /// and stays so. `i64::MIN`: none was.
    pub closed: i64,
}

// === impl Watermark ===

impl Watermark {
    /// Before the first row.
    pub const NONE: Self = Self {
        time: i64::MIN,
        closed: i64::MIN,
    };

    /// At the end of all input: whatever is open closes.
    pub const END: Self = Self {
        time: i64::MAX,
        closed: i64::MAX,
    };

    /// Whether the window `[start, end)` is closed: its result is final, and rows in it are late.
    ///
    /// As Spark has it, a window whose end is the watermark is closed
    /// (`WatermarkSupport`, `watermarkExpression`).
    #[must_use]
    pub fn closes(self, start: i64, end: i64) -> bool {
        end <= self.time || start <= self.closed && self.closed > i64::MIN
    }

    /// Whether rows of this time are late.
    #[must_use]
    pub fn is_late(self, time: i64) -> bool {
        self.closes(time, time)
    }

    /// What is known of rows that come from both: time has come as far as the slower one's.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            time: self.time.min(other.time),
            closed: self.closed.max(other.closed),
        }
    }

    /// What is known of rows that may be so many microseconds behind these.
    #[must_use]
    pub fn behind(self, micros: i64) -> Self {
        match self == Self::END {
            true => self,
            false => Self {
                time: self.time.saturating_sub(micros),
                ..self
            },
        }
    }

    /// The later of the two in every respect: a watermark never goes back.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            time: self.time.max(other.time),
            closed: self.closed.max(other.closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_ends_at_the_watermark_is_closed() {
        let at = |time| Watermark {
            time,
            ..Watermark::NONE
        };
        assert!(at(10).closes(0, 10));
        assert!(!at(9).closes(0, 10));
        assert!(at(9).is_late(9));
        assert!(!at(9).is_late(10));
        assert!(!Watermark::NONE.closes(i64::MIN, i64::MIN + 1));
        assert!(Watermark::END.closes(i64::MAX, i64::MAX));
    }

    #[test]
    fn what_was_closed_at_the_end_of_input_stays_closed() {
        let closed = Watermark {
            time: 3,
            closed: 12,
        };
        assert!(closed.closes(10, 20), "12 was in it");
        assert!(!closed.closes(13, 23));
        let slower = Watermark {
            time: 1,
            ..Watermark::NONE
        };
        assert_eq!(
            closed.meet(slower),
            Watermark {
                time: 1,
                closed: 12
            }
        );
        assert_eq!(slower.join(closed), closed);
    }
}
