//! How many rows a second nodes take: looked at once a second, for as long as the endpoint is served.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azud_engine::{Control, Observed};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);

/// Over so many looks a rate is taken: an epoch of a few seconds is in it.
const LOOKS: usize = 10;

/// What nodes had taken at the last few moments; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates(Arc<Mutex<VecDeque<Look>>>);

#[derive(Debug)]
struct Look {
    /// So many seconds after the start.
    seconds: f64,
    /// Rows that had come in, by node.
    rows: HashMap<String, u64>,
}

// === impl Rates ===

impl Rates {
    /// Looks until it is dropped.
    pub(crate) async fn watch(self, control: Control) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.look(&control.observe());
        }
    }

    fn look(&self, observed: &Observed) {
        let nodes = observed.nodes.iter();
        let rows = nodes.map(|node| (node.name.clone(), node.live.rows_in));
        let look = Look {
            seconds: observed.seconds,
            rows: rows.collect(),
        };
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.push_back(look);
        if looks.len() > LOOKS {
            looks.pop_front();
        }
    }

    /// The rows a second that each node has taken in the last few seconds, in the order of the
    /// nodes; since the start, where that is later.
    pub(crate) fn of(&self, observed: &Observed) -> Vec<f64> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = looks.front().filter(|look| look.seconds < observed.seconds);
        let since = first.map_or(0.0, |look| look.seconds);
        let rates = observed.nodes.iter().map(|node| {
            // One that was not there has begun with nothing.
            let before = first.and_then(|look| look.rows.get(&node.name));
            let rows = node
                .live
                .rows_in
                .saturating_sub(before.copied().unwrap_or(0));
            rows as f64 / (observed.seconds - since).max(0.001)
        });
        rates.collect()
    }
}

#[cfg(test)]
mod tests {
    use azud_engine::{NodeObserved, RowCounts};

    use super::*;

    fn at(seconds: f64, nodes: &[(&str, u64)]) -> Observed {
        let nodes = nodes.iter().map(|(name, rows_in)| NodeObserved {
            name: (*name).to_owned(),
            live: RowCounts {
                rows_in: *rows_in,
                ..RowCounts::default()
            },
            ..NodeObserved::default()
        });
        Observed {
            seconds,
            nodes: nodes.collect(),
            ..Observed::default()
        }
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let rates = Rates::default();
        assert_eq!(rates.of(&at(2.0, &[("a", 10)])), [5.0]);
        for second in 0..100_u32 {
            rates.look(&at(f64::from(second), &[("a", u64::from(second) * 100)]));
        }
        let now = at(100.0, &[("b", 20), ("a", 9_000)]);
        assert_eq!(
            rates.of(&now),
            [2.0, 0.0],
            "it has not moved for ten seconds"
        );
        let now = at(100.0, &[("a", 10_000)]);
        assert_eq!(rates.of(&now), [100.0]);
    }
}
