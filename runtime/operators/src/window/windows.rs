//! Which windows a time is in, and which pieces windows have in common.

use azud_model::{Error, Result, Watermark};

/// Windows of one size, one every `slide`, as Spark's `window(time, size, slide, start)`
/// makes them: half open, aligned to 1970-01-01T00:00:00Z plus `offset`, in microseconds.
///
/// A *pane* is the longest stretch that no window's border cuts: rows are aggregated a pane,
/// so that what a row costs does not depend on how many windows it is in.
///
/// ```text
///  size 6, slide 4     |-----|-----|           panes: 2 long
///                          |-----|-----|
///  panes               |--|--|--|--|--|--|
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    size: i64,
    slide: i64,
    offset: i64,
    pane: i64,
    /// Whether rows come with the starts of their windows, and not with times.
    by_start: bool,
}

// === impl Windows ===

impl Windows {
    /// # Errors
    /// `Invalid` unless `0 < slide <= size`, and `offset` is less than a slide either way.
    pub fn new(size: i64, slide: i64, offset: i64) -> Result<Self> {
        if size <= 0 || slide <= 0 {
            return Err(Error::invalid(
                "a window's length and slide must be more than 0",
            ));
        }
        if slide > size {
            return Err(Error::invalid(
                "a window's slide must not be more than its length",
            ));
        }
        if offset.checked_abs().is_none_or(|offset| offset >= slide) {
            return Err(Error::invalid(
                "a window's start must be less than its slide",
            ));
        }
        Ok(Self {
            size,
            slide,
            offset,
            pane: greatest_divisor(size, slide),
            by_start: false,
        })
    }

    /// The same windows where each row is of one window already: an aggregate's results.
    /// Their times are the last microseconds of windows, as Spark's `window_time` has it.
    #[must_use]
    pub fn by_start(self) -> Self {
        Self {
            by_start: true,
            ..self
        }
    }

    /// Every moment by itself: closed once the watermark is there, as Spark has it of rows that
    /// are grouped, joined or told apart by event time itself.
    pub fn instants() -> Self {
        Self {
            size: 0,
            slide: 1,
            offset: 0,
            pane: 1,
            by_start: true,
        }
    }

    /// Windows of any lengths, each by its last microsecond: closed once the watermark is at its
    /// end.
    pub fn lasts() -> Self {
        Self {
            size: 1,
            ..Self::instants()
        }
    }

    /// Whether each row is of one window already.
    pub fn is_by_start(self) -> bool {
        self.by_start
    }

    /// How long a window is.
    pub fn size(self) -> i64 {
        self.size
    }

    /// In so many windows a time is at most.
    pub fn at_most(self) -> usize {
        match self.is_tumbling() {
            true => 1,
            // Nothing is divided by a slide of 0: there is none.
            false => usize::try_from(self.size / self.slide.max(1) + 1).unwrap_or(usize::MAX),
        }
    }

    /// How far one window starts after the other.
    pub fn slide(self) -> i64 {
        self.slide
    }

    /// How far after 1970-01-01T00:00:00Z one of them starts.
    pub fn offset(self) -> i64 {
        self.offset
    }

    /// Whether a row is in one window only.
    pub fn is_tumbling(self) -> bool {
        self.size == self.slide || self.by_start
    }

    /// The start of the pane that a time is in.
    pub fn pane(self, time: i64) -> i64 {
        if self.by_start {
            return time.saturating_sub((self.size - 1).max(0));
        }
        floor(time, self.pane, self.offset)
    }

    /// The starts of the windows that a pane is in, the last one first.
    pub fn of_pane(self, pane: i64) -> impl Iterator<Item = i64> {
        let last = self.last(pane);
        let earliest = match self.by_start {
            true => pane,
            false => pane.saturating_add(self.pane).saturating_sub(self.size),
        };
        std::iter::successors(Some(last), move |start| start.checked_sub(self.slide))
            .take_while(move |start| *start >= earliest)
    }

    /// The starts of the panes that a window is made of, from the first to beyond the last.
    pub fn panes_of(self, window: i64) -> std::ops::Range<i64> {
        match self.by_start {
            true => window..window.saturating_add(1),
            false => window..self.end(window),
        }
    }

    /// Where a window ends.
    pub fn end(self, start: i64) -> i64 {
        start.saturating_add(self.size)
    }

    /// Whether a window is closed.
    pub fn is_closed(self, start: i64, watermark: Watermark) -> bool {
        watermark.closes(start, self.end(start))
    }

    /// Whether all windows that a time is in are closed.
    pub fn is_late(self, time: i64, watermark: Watermark) -> bool {
        self.is_closed(self.last(self.pane(time)), watermark)
    }

    /// Whether all windows that a pane is in are closed.
    pub fn is_over(self, pane: i64, watermark: Watermark) -> bool {
        self.is_closed(self.last(pane), watermark)
    }

    /// The pane before which all are late; `None` where none is.
    pub fn horizon(self, watermark: Watermark) -> Option<i64> {
        if watermark == Watermark::NONE {
            return None;
        }
        if watermark == Watermark::END {
            return Some(i64::MAX);
        }
        let ended = watermark
            .time
            .saturating_sub(self.size)
            .max(watermark.closed);
        if self.by_start {
            return Some(ended.saturating_add(1));
        }
        // The last window of a pane starts at or before it, and has started by then.
        Some(self.last(ended).saturating_add(self.slide))
    }

    /// The start of the last window that a pane is in.
    fn last(self, time: i64) -> i64 {
        if self.by_start {
            return time;
        }
        floor(time, self.slide, self.offset)
    }
}

/// The greatest multiple of `step`, plus `offset`, that is not above `time`.
fn floor(time: i64, step: i64, offset: i64) -> i64 {
    let behind = time.saturating_sub(offset).rem_euclid(step);
    time.saturating_sub(behind)
}

fn greatest_divisor(mut left: i64, mut right: i64) -> i64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As `TimeWindowing` of Spark computes them, for each row one by one.
    fn by_hand(windows: Windows, time: i64) -> Vec<i64> {
        let mut starts: Vec<i64> = (time - windows.size..=time)
            .filter(|start| (start - windows.offset).rem_euclid(windows.slide) == 0)
            .filter(|start| *start <= time && time < start + windows.size)
            .collect();
        starts.sort_by(|a, b| b.cmp(a));
        starts
    }

    proptest! {
        #[test]
        fn a_row_is_in_the_windows_of_its_pane(
            size in 1..60_i64, part in 1..=60_i64, offset in -60..60_i64, time in -500..500_i64,
        ) {
            let slide = part.min(size);
            let windows = Windows::new(size, slide, offset % slide).unwrap();
            let pane = windows.pane(time);
            let starts: Vec<i64> = windows.of_pane(pane).collect();
            prop_assert_eq!(&starts, &by_hand(windows, time));
            for start in starts {
                prop_assert!(windows.panes_of(start).contains(&pane));
                prop_assert!(windows.panes_of(start).contains(&time));
            }
            prop_assert!(by_hand(windows, time).len() <= windows.at_most());
            prop_assert!(pane <= time);
        }

        #[test]
        fn a_row_is_late_once_its_last_window_is_closed(
            size in 1..60_i64, part in 1..=60_i64, time in -500..500_i64, now in -600..600_i64,
        ) {
            let windows = Windows::new(size, part.min(size), 0).unwrap();
            let watermark = Watermark { time: now, ..Watermark::NONE };
            let open = by_hand(windows, time).into_iter().any(|start| start + size > now);
            prop_assert_eq!(windows.is_late(time, watermark), !open);
            prop_assert_eq!(windows.is_over(windows.pane(time), watermark), !open);
            prop_assert_eq!(windows.pane(time) < windows.horizon(watermark).unwrap(), !open);
        }
    }

    #[test]
    fn the_ends_of_time_are_in_windows_too() {
        let windows = Windows::new(10_000_000, 3_000_000, 1).unwrap();
        for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            assert!(windows.pane(time) <= time);
            assert!(windows.of_pane(windows.pane(time)).count() <= 4);
            assert!(!windows.is_late(time, Watermark::NONE));
            assert!(windows.is_late(time, Watermark::END));
        }
    }

    #[test]
    fn a_moment_is_closed_once_the_watermark_is_there() {
        let moments = Windows::instants();
        let at = |time| Watermark {
            time,
            ..Watermark::NONE
        };
        assert_eq!(moments.pane(7), 7);
        assert_eq!(moments.of_pane(7).collect::<Vec<_>>(), [7]);
        assert!(moments.is_late(7, at(7)));
        assert!(!moments.is_late(7, at(6)));
        assert_eq!(moments.horizon(at(7)), Some(8));
    }

    #[test]
    fn a_window_of_any_length_is_closed_at_its_end() {
        let (lasts, last) = (Windows::lasts(), 9);
        let at = |time| Watermark {
            time,
            ..Watermark::NONE
        };
        assert_eq!(lasts.pane(last), last);
        assert_eq!(lasts.of_pane(last).collect::<Vec<_>>(), [last]);
        assert!(lasts.is_late(last, at(10)));
        assert!(!lasts.is_late(last, at(9)));
        assert_eq!(lasts.horizon(at(10)), Some(10));
    }

    #[test]
    fn what_spark_refuses_is_refused() {
        for (size, slide, offset) in [(0, 1, 0), (1, 0, 0), (1, 2, 0), (4, 2, 2), (4, 2, -2)] {
            assert!(Windows::new(size, slide, offset).is_err());
        }
    }
}
