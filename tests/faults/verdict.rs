//! What came out, held against what must.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::data::Row;

/// How what came out differs from what must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: usize,
    pub(crate) missing: usize,
    pub(crate) doubled: usize,
    pub(crate) reordered: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: {} missing, {} doubled, 0 corrupt, {} reordered",
            self.rows, self.missing, self.doubled, self.reordered
        )
    }
}

impl Verdict {
    /// Corrupt rows have ended the test by now: they cannot be read.
    pub(crate) fn of(expected: &[Row], found: &[Row]) -> Self {
        let mut counts: BTreeMap<&Row, i64> = BTreeMap::new();
        for row in expected {
            *counts.entry(row).or_default() -= 1;
        }
        for row in found {
            *counts.entry(row).or_default() += 1;
        }
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        let reordered = found.iter().filter(|row| {
            let before = last.insert(row.partition, row.sequence);
            before.is_some_and(|before| before > row.sequence)
        });
        Self {
            rows: found.len(),
            reordered: reordered.count(),
            missing: counts.values().filter(|count| **count < 0).count(),
            doubled: counts.values().filter(|count| **count > 0).count(),
        }
    }

    pub(crate) fn is_good(self) -> bool {
        self.missing + self.doubled + self.reordered == 0
    }
}

/// The committed rows of a table, in the order of epochs and lanes.
pub(crate) fn table(folder: &Path) -> Vec<Row> {
    let lines = files(folder).into_iter().flat_map(|file| lines(&file));
    lines.map(|line| Row::of_json(&line)).collect()
}

/// A table's files by epoch and lane, as its lists name them; and no others are visible.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(folder.join("_azud"))
        .into_iter()
        .flatten()
    {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let list: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            for file in list["files"].as_array().unwrap() {
                listed.push(file["name"].as_str().unwrap().to_owned());
            }
        }
    }
    let mut visible = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('_') && !name.starts_with('.') {
            visible.push(name);
        }
    }
    listed.sort();
    visible.sort();
    assert_eq!(visible, listed, "visible files, and those that are listed");
    listed.sort_by_key(|name| numbers(name));
    listed.iter().map(|name| folder.join(name)).collect()
}

/// `part-12-0.json`: 12, 0.
fn numbers(name: &str) -> Vec<u64> {
    let digits = name.split(|letter: char| !letter.is_ascii_digit());
    digits.filter_map(|number| number.parse().ok()).collect()
}

pub(crate) fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "{} is torn",
        file.display()
    );
    text.lines().map(str::to_owned).collect()
}

/// Rows by key: what `SELECT key, count(*), sum(sequence) ... GROUP BY key` must give.
pub(crate) fn counts(rows: &[Row]) -> BTreeMap<String, (u64, u64)> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for row in rows {
        let count = counts.entry(row.key.clone()).or_default();
        count.0 += 1;
        count.1 += row.sequence;
    }
    counts
}

/// The same, as a table in mode complete holds it.
pub(crate) fn counted(folder: &Path) -> BTreeMap<String, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for line in files(folder).iter().flat_map(|file| lines(file)) {
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let number = |key: &str| value[key].as_u64().unwrap();
        let key = value["key"].as_str().unwrap().to_owned();
        let before = counts.insert(key.clone(), (number("n"), number("s")));
        assert_eq!(before, None, "{key} is there twice");
    }
    counts
}
