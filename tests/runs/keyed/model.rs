//! What the guest `visits` must give: the same, written with maps, epoch by epoch.

use std::collections::{BTreeMap, BTreeSet};

/// A row; times are microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) k: Option<&'static str>,
    pub(super) x: i64,
    pub(super) ts: i64,
}

#[derive(Default)]
struct Known {
    sum: Option<(i64, i64)>,
    last: Vec<i64>,
    seen: BTreeMap<i64, i64>,
    timers: BTreeSet<i64>,
}

const BUCKET: i64 = 3_000_000;

/// The lines of the output, sorted, and how many rows are late.
///
/// Spark's rule: an epoch fires by the watermark of the epochs before it, and its rows are late
/// by that of one less. With the last one comes the end.
pub(super) fn expected(events: &[Event], epoch: usize, delay: i64) -> (Vec<String>, usize) {
    let mut known: BTreeMap<Option<&str>, Known> = BTreeMap::new();
    let (mut lines, mut late) = (Vec::new(), 0);
    let (mut behind, mut watermark, mut latest) = (i64::MIN, i64::MIN, i64::MIN);
    let epochs: Vec<&[Event]> = events.chunks(epoch).collect();
    for (number, events) in epochs.iter().enumerate() {
        for event in *events {
            latest = latest.max(event.ts);
            if event.ts <= behind {
                late += 1;
                continue;
            }
            let known = known.entry(event.k).or_default();
            let (rows, sum) = known.sum.unwrap_or((0, 0));
            known.sum = Some((rows + 1, sum + event.x));
            if known.last.len() == 3 {
                known.last.remove(0);
            }
            known.last.push(event.x);
            *known.seen.entry(event.x.rem_euclid(5)).or_insert(0) += 1;
            known
                .timers
                .insert((event.ts.div_euclid(BUCKET) + 1) * BUCKET);
        }
        let is_last = number + 1 == epochs.len();
        let until = if is_last { i64::MAX } else { watermark };
        fire(&mut known, until, &mut lines);
        behind = watermark;
        if latest > i64::MIN {
            watermark = watermark.max(latest - delay);
        }
    }
    lines.sort();
    (lines, late)
}

fn fire(known: &mut BTreeMap<Option<&'static str>, Known>, until: i64, lines: &mut Vec<String>) {
    for (k, known) in known {
        while let Some(time) = known.timers.first().copied().filter(|time| *time <= until) {
            known.timers.remove(&time);
            let (rows, sum) = known.sum.unwrap_or((0, 0));
            let last: Vec<String> = known.last.iter().map(i64::to_string).collect();
            let seen = known.seen.iter();
            let seen: Vec<String> = seen.map(|(x, count)| format!("{x}:{count}")).collect();
            let seconds = (time - 1_767_225_600_000_000) / 1_000_000;
            let at = match seconds {
                ..0 => format!("2025-12-31T23:59:{:02}Z", 60 + seconds),
                _ => format!("2026-01-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60),
            };
            lines.push(format!(
                r#"{{"k":"{}","at":"{at}","rows":{rows},"sum":{sum},"last":"{}","seen":"{}"}}"#,
                k.unwrap_or("null"),
                last.join(" "),
                seen.join(" "),
            ));
            known.last.clear();
            if sum % 2 == 0 {
                known.seen.remove(&0);
            }
            if sum % 11 == 0 {
                known.seen.clear();
                known.sum = None;
            }
            if rows % 4 == 1 && until != i64::MAX {
                known.timers.insert(time + 2 * BUCKET);
            }
        }
    }
}
