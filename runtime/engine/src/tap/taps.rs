//! All taps of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::feed::{Feed, Known};
use super::point::Point;
use super::{TAPS, Tap, TapError, TapOptions};

/// Behind the name of a node: the rows that it rejects.
pub(super) const REJECTED: &str = ".rejected";

/// Behind the name of a node: the rows that come too late for it.
pub(super) const LATE: &str = ".late";

/// The points of a run by name, and how many taps are open.
#[derive(Debug, Default)]
pub(crate) struct Taps(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    points: BTreeMap<String, Arc<Point>>,
    open: usize,
    has_ended: bool,
}

// === impl Taps ===

impl Taps {
    /// The point of a name: the same one for all who ask.
    pub(super) fn point(&self, name: &str) -> Arc<Point> {
        let mut state = self.lock();
        match state.points.get(name) {
            Some(point) => point.clone(),
            None => state.points.entry(name.to_owned()).or_default().clone(),
        }
    }

    /// A plan with these nodes runs from now on: taps of others end.
    pub(crate) fn begin<'a>(&self, nodes: impl Iterator<Item = &'a str>) {
        let nodes: BTreeSet<&str> = nodes.collect();
        self.lock().points.retain(|name, point| {
            let is_there = nodes.contains(node(name));
            if !is_there {
                point.end(&format!(
                    "the pipeline has no node `{}` any more",
                    node(name)
                ));
            }
            is_there
        });
    }

    /// Nothing runs any more: all taps end.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        for point in std::mem::take(&mut state.points).values() {
            point.end("the pipeline has ended");
        }
    }

    /// Opens a tap.
    ///
    /// # Errors
    /// `TooMany`, or `Ended`.
    pub(super) fn open(self: &Arc<Self>, name: &str, options: TapOptions) -> Result<Tap, TapError> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(TapError::Ended);
        }
        if state.open >= TAPS {
            return Err(TapError::TooMany);
        }
        state.open += 1;
        let point = state.points.entry(name.to_owned()).or_default().clone();
        let (feed, rows) = Feed::new(&options);
        let known = feed.known.clone();
        point.open(feed);
        Ok(Tap::new(self.clone(), point, known, rows, options))
    }

    /// A tap goes away.
    pub(super) fn close(&self, point: &Point, known: &Arc<Known>) {
        point.close(known);
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node that a name is of.
pub(super) fn node(name: &str) -> &str {
    let of = name.strip_suffix(REJECTED).or(name.strip_suffix(LATE));
    of.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::TappedRow;
    use super::*;

    const OPTIONS: TapOptions = TapOptions {
        rate: 10,
        limit: None,
    };

    fn pass(taps: &Taps, name: &str, rows: usize) {
        let show = |number: usize| Some(TappedRow::Row(number.to_string()));
        taps.point(name).pass(rows, show);
    }

    fn rows(tap: &mut Tap) -> (u64, Option<String>) {
        let mut shown = 0;
        while let Some(Some(_)) = tap.now() {
            shown += 1;
        }
        (shown, tap.why().map(str::to_owned))
    }

    #[test]
    fn a_tap_sees_its_point_only() {
        let taps = Arc::new(Taps::default());
        pass(&taps, "words", 3);
        let mut tap = taps.open("words", OPTIONS).unwrap();
        let mut other = taps.open("words.rejected", OPTIONS).unwrap();
        pass(&taps, "words", 4);
        assert_eq!((rows(&mut tap), tap.passed()), ((4, None), 4));
        assert_eq!((rows(&mut other), other.passed()), ((0, None), 0));
    }

    #[test]
    fn so_many_are_open_at_a_time() {
        let taps = Arc::new(Taps::default());
        let mut open: Vec<Tap> = (0..TAPS)
            .map(|_| taps.open("words", OPTIONS).unwrap())
            .collect();
        assert_eq!(taps.open("words", OPTIONS).err(), Some(TapError::TooMany));
        open.pop();
        assert!(taps.open("words", OPTIONS).is_ok());
    }

    #[test]
    fn a_tap_ends_with_its_node_or_with_the_run() {
        let taps = Arc::new(Taps::default());
        let mut words = taps.open("words", OPTIONS).unwrap();
        let mut late = taps.open("sums.late", OPTIONS).unwrap();
        taps.begin(["words", "rest"].into_iter());
        let gone = "the pipeline has no node `sums` any more";
        assert_eq!(rows(&mut late), (0, Some(gone.to_owned())));
        pass(&taps, "words", 1);
        assert_eq!(rows(&mut words), (1, None));
        pass(&taps, "words", 1);
        taps.end();
        assert_eq!(
            rows(&mut words),
            (1, Some("the pipeline has ended".to_owned()))
        );
        assert_eq!(taps.open("words", OPTIONS).err(), Some(TapError::Ended));
    }

    #[test]
    fn a_tap_ends_when_it_has_shown_what_was_asked_for() {
        let taps = Arc::new(Taps::default());
        let limit = Some(2);
        let mut tap = taps.open("words", TapOptions { limit, ..OPTIONS }).unwrap();
        pass(&taps, "words", 5);
        let all = "all rows that were asked for are shown";
        assert_eq!(rows(&mut tap), (2, Some(all.to_owned())));
        assert_eq!((tap.shown(), tap.passed()), (2, 5));
    }
}
