//! What `tests/guests/sums` says of groups, windows and sessions, and what is expected of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::pipeline::Folder;

/// How the migration of a group fails, and what is told of it.
pub(crate) const FAILURES: [(&str, &str); 7] = [
    ("traps", "in the migration"),
    ("fails", "not this group\\u{1b}[2J"),
    ("loops", "took longer than"),
    ("forgets", "`migrate` made 0 groups of 1 states"),
    (
        "nulls",
        "row 0 is null, and the column was announced as never null",
    ),
    ("mistypes", " buffers, not "),
    ("eats", "of memory"),
];

/// Key, value, and time in milliseconds.
pub(crate) type Row = (i64, i64, i64);

/// By key, and by the second in which a window or session starts.
pub(crate) type Sums = BTreeMap<(i64, i64), (i64, i64)>;

pub(crate) fn number(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap()
}

/// Whatever is in a folder and begins so, in the order of names.
pub(crate) fn listed(folder: &Path, with: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(with)
    });
    all.sort();
    all
}

/// What a sink with a folder an epoch has written, in the order of epochs. The plugin says of
/// each row what SQL's own aggregates do.
#[track_caller]
pub(crate) fn results(folder: &Folder, sink: &str) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let epochs = listed(folder.0.path(), &format!("{sink}-")).into_iter();
    for file in epochs.flat_map(|epoch| listed(&epoch, "part-")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            rows.push(serde_json::from_str(line).unwrap());
        }
    }
    for row in &rows {
        let of_plugin = (number(&row["r"], "sum"), number(&row["r"], "rows"));
        assert_eq!(of_plugin, (number(row, "s"), number(row, "c")), "{row}");
    }
    rows
}

pub(crate) fn add(sums: &mut Sums, key: (i64, i64), x: i64) {
    let known = sums.entry(key).or_default();
    *known = (known.0 + x, known.1 + 1);
}

/// Windows of ten seconds that start every so many.
pub(crate) fn windows(rows: &[Row], slide: i64) -> Sums {
    let mut sums = Sums::new();
    for (k, x, at) in rows {
        let second = at.div_euclid(1_000);
        let last = second - second.rem_euclid(slide);
        let starts = (0..10 / slide).map(|number| last - number * slide);
        starts.for_each(|start| add(&mut sums, (*k, start), *x));
    }
    sums
}

/// Sessions with a gap of two seconds, by the millisecond in which they start.
pub(crate) fn sessions(rows: &[Row]) -> Sums {
    let (mut sums, mut last) = (Sums::new(), BTreeMap::new());
    for (k, x, at) in rows {
        let (start, until) = last.get(k).copied().unwrap_or((*at, *at));
        let start = if *at <= until { start } else { *at };
        last.insert(*k, (start, at + 2_000));
        add(&mut sums, (*k, start), *x);
    }
    sums
}

/// The last result of each group; of windows and sessions the only one.
pub(crate) fn found(folder: &Folder, sink: &str, unit: i64) -> Sums {
    let mut found = Sums::new();
    for row in results(folder, sink) {
        let start = match row["w"].as_str() {
            // In the first hours of 1970.
            Some(start) => millis(start) / unit,
            None => 0,
        };
        let sums = (number(&row, "s"), number(&row, "c"));
        let before = found.insert((number(&row, "k"), start), sums);
        assert!(before.is_none() || unit == 0, "{sink}: twice {row}");
    }
    found
}

/// `1970-01-01T00:01:02.003Z`, or a day before.
fn millis(time: &str) -> i64 {
    let (day, time) = time.trim_end_matches('Z').split_once('T').unwrap();
    let is_before = day == "1969-12-31";
    assert!(is_before || day == "1970-01-01", "{day}");
    let days = -i64::from(is_before);
    let mut parts = time.split(':').map(|part| part.parse::<f64>().unwrap());
    let mut next = || parts.next().unwrap();
    let seconds = (next() * 60.0 + next()) * 60.0 + next();
    days * 86_400_000 + (seconds * 1_000.0).round() as i64
}
