//! How far event time has come at a node.

use crate::plan::Plan;
use crate::run::TimeReport;

/// A source above a node that has event time, or the node itself.
pub(super) struct Above {
    source: String,
    /// So many microseconds behind it rows may be that the node reads, since a join kept them.
    behind: i64,
}

/// Those of every node, in the plan's order.
pub(super) fn above(plan: &Plan) -> Vec<Vec<Above>> {
    let of_node = |node: usize| {
        let sources = plan.times_of(node).into_iter();
        let timed = sources.filter(|from| {
            let source = plan.sources.get(from.source);
            source.is_some_and(|source| source.time.is_some())
        });
        timed
            .map(|from| Above {
                source: plan.source_name(from.source).to_owned(),
                behind: from.behind,
            })
            .collect()
    };
    (0..plan.nodes.len()).map(of_node).collect()
}

/// The watermark of a node, in microseconds since 1970: that of the slowest source; `None` where one
/// of them has none yet, or none has event time. An idle source holds up nobody, unless all are.
pub(super) fn watermark(above: &[Above], times: &[TimeReport]) -> Option<i64> {
    let all_idle = times.iter().all(|time| time.idle);
    let own = above.iter().filter_map(|above| {
        let time = times.iter().find(|time| time.source == above.source)?;
        let behind = |watermark: i64| watermark.saturating_sub(above.behind);
        (all_idle || !time.idle).then(|| time.watermark.map(behind))
    });
    own.min().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(source: &str, watermark: Option<i64>, idle: bool) -> TimeReport {
        TimeReport {
            source: source.to_owned(),
            watermark,
            idle,
            closed: false,
        }
    }

    fn above(source: &str, behind: i64) -> Above {
        Above {
            source: source.to_owned(),
            behind,
        }
    }

    #[test]
    fn it_is_that_of_the_slowest_source_that_is_not_idle() {
        let both = [above("a", 0), above("b", 5)];
        let of = |a: (Option<i64>, bool), b: (Option<i64>, bool)| {
            watermark(&both, &[time("a", a.0, a.1), time("b", b.0, b.1)])
        };
        assert_eq!(of((Some(10), false), (Some(20), false)), Some(10));
        assert_eq!(of((Some(10), false), (Some(12), false)), Some(7), "behind");
        assert_eq!(of((Some(10), false), (None, false)), None, "none yet");
        assert_eq!(of((Some(10), true), (Some(20), false)), Some(15), "idle");
        assert_eq!(of((None, true), (Some(20), false)), Some(15), "idle");
        assert_eq!(of((Some(10), true), (Some(20), true)), Some(10), "both are");
    }

    #[test]
    fn where_no_source_has_event_time_there_is_none() {
        assert_eq!(watermark(&[], &[time("a", Some(10), false)]), None);
        assert_eq!(
            watermark(&[above("a", 0)], &[]),
            None,
            "nothing is known yet"
        );
    }
}
