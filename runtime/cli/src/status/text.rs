//! A status as a person reads it.

use azud_admin::{NodeStatus, Status};

use crate::output::table;
use crate::reload::failed;

/// As much of a digest as tells two apart.
const DIGEST: usize = 12;

/// Seconds that a call may take before it is shown.
const HANGS: f64 = 1.0;

/// A column of the table: its head, and what it says of a node.
type Column = (&'static str, fn(&Status, &NodeStatus) -> String);

/// Those at the end are left out where they say nothing of any node.
const COLUMNS: [Column; 11] = [
    ("node", |_, node| node.name.clone()),
    ("rows in", |_, node| node.rows_in.to_string()),
    ("rows out", |_, node| node.rows_out.to_string()),
    ("rejected", |_, node| node.rejected.to_string()),
    ("late", |_, node| node.late.to_string()),
    ("under way", |_, node| node.under_way.rows_in.to_string()),
    ("rows/s", |_, node| format!("{:.0}", node.rows_per_second)),
    ("lag", |_, node| {
        node.lag.map_or(String::new(), |lag| lag.to_string())
    }),
    ("queue", |_, node| {
        let queue = node
            .queue
            .map(|of| format!("{}/{}", of.waiting, of.capacity));
        queue.unwrap_or_default()
    }),
    ("watermark", watermark),
    ("plugin", plugin),
];

/// So many columns are always there.
const ALWAYS: usize = 7;

/// All of it.
pub(super) fn shown(status: &Status) -> String {
    let (name, seconds) = (&status.name, status.seconds);
    let mut text = match status.epoch {
        None => format!("{name}, for {seconds:.0} s: no epoch is committed yet\n"),
        Some(epoch) => {
            let (records, rate) = (status.records, status.records_per_second);
            format!(
                "{name}, for {seconds:.0} s: epoch {epoch}, {records} records, {rate:.0} a second \
                 in the last epoch\n"
            )
        }
    };
    if let Some(reason) = &status.not_ready {
        text += &format!("not ready: {reason}\n");
    }
    if status.nodes.is_empty() {
        return text;
    }
    let mut heads = Vec::new();
    let mut rows = vec![Vec::new(); status.nodes.len()];
    for (number, (head, cell)) in COLUMNS.into_iter().enumerate() {
        let cells = status.nodes.iter().map(|node| cell(status, node));
        let cells: Vec<String> = cells.collect();
        if number >= ALWAYS && cells.iter().all(String::is_empty) {
            continue;
        }
        heads.push(head);
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }
    format!("{text}\n{}", table(&heads, &rows))
}

/// A source says also that it waits for one, or holds up nobody.
fn watermark(status: &Status, node: &NodeStatus) -> String {
    let own = node.watermark.as_deref();
    let mut sources = status.watermarks.iter();
    match sources.find(|of| of.source == node.name) {
        Some(source) => {
            let time = source.watermark.as_deref().unwrap_or("none yet");
            let idle = if source.idle { ", idle" } else { "" };
            format!("{time}{idle}")
        }
        None => own.unwrap_or_default().to_owned(),
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..DIGEST).unwrap_or(sha256)
}

/// A query may call several.
fn plugin(status: &Status, node: &NodeStatus) -> String {
    let own =
        |of: &str| of == node.name || of.split_once('.').is_some_and(|(of, _)| of == node.name);
    let plugins = status.plugins.iter().filter(|plugin| own(&plugin.node));
    let plugins = plugins.map(|plugin| format!("{} {}", plugin.path, short(&plugin.sha256)));
    let mut text = plugins.collect::<Vec<_>>().join(", ");
    if let Some(calls) = node.calls.filter(|calls| calls.failures > 0) {
        text += &format!(", {} of {} calls failed", calls.failures, calls.calls);
    }
    let under_way = node.calls.and_then(|calls| calls.under_way_seconds);
    if let Some(seconds) = under_way.filter(|seconds| *seconds > HANGS) {
        text += &format!(", call for {:.0}s", seconds.floor());
    }
    for beside in status.shadows.iter().filter(|beside| own(&beside.node)) {
        let (digest, rows) = (short(&beside.sha256), beside.rows);
        text += &format!(", shadow {digest}: {} of {rows} rows differ", beside.differ);
        if beside.failed > 0 {
            text += &format!("; {}", failed(beside.failed_rows, beside.failed));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use azud_admin::{BesideStatus, PluginStatus, WatermarkStatus};
    use azud_engine::{PluginCalls, Queued, RowCounts};

    use super::*;

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let node = NodeStatus {
            name: "in".to_owned(),
            rows_in: 10,
            rows_out: 9,
            rejected: 1,
            under_way: RowCounts {
                rows_in: 4,
                ..RowCounts::default()
            },
            rows_per_second: 2.4,
            ..NodeStatus::default()
        };
        let mut status = Status {
            name: "p".to_owned(),
            seconds: 5.0,
            nodes: vec![node],
            ..Status::default()
        };
        assert_eq!(
            shown(&status),
            "p, for 5 s: no epoch is committed yet\n\n\
             node  rows in  rows out  rejected  late  under way  rows/s\n\
             in    10       9         1         0     4          2\n"
        );
        status.epoch = Some(3);
        status.not_ready = Some("it starts".to_owned());
        status.watermarks = vec![WatermarkStatus {
            source: "in".to_owned(),
            ..WatermarkStatus::default()
        }];
        status.plugins = vec![PluginStatus {
            node: "in.f".to_owned(),
            path: "f.wasm".to_owned(),
            sha256: "0123456789abcdef".to_owned(),
        }];
        status.shadows = vec![BesideStatus {
            node: "in.f".to_owned(),
            sha256: "fedcba9876543210".to_owned(),
            rows: 50,
            differ: 3,
            failed: 1,
            failed_rows: 20,
        }];
        if let Some(node) = status.nodes.first_mut() {
            node.calls = Some(PluginCalls {
                calls: 9,
                failures: 2,
                seconds: 1.5,
                under_way_seconds: Some(12.9),
            });
            node.lag = Some(7);
            node.queue = Some(Queued {
                waiting: 3,
                capacity: 4,
            });
        }
        assert_eq!(
            shown(&status),
            "p, for 5 s: epoch 3, 0 records, 0 a second in the last epoch\n\
             not ready: it starts\n\n\
             node  rows in  rows out  rejected  late  under way  rows/s  lag  queue  watermark  \
             plugin\n\
             in    10       9         1         0     4          2       7    3/4    none yet   \
             f.wasm 0123456789ab, 2 of 9 calls failed, call for 12s, shadow fedcba987654: 3 of 50 \
             rows differ; 20 rows in 1 call failed with the new version only\n"
        );
    }
}
