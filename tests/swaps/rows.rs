//! What came out: epoch by epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The rows of each epoch, of a folder that the file sink wrote.
pub(crate) fn by_epoch(folder: &Path) -> BTreeMap<u64, Vec<Value>> {
    let mut epochs: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(epoch) = name.strip_prefix("part-") else {
            continue;
        };
        let epoch = epoch.split('-').next().unwrap().parse().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
        epochs.entry(epoch).or_default().extend(rows);
    }
    epochs
}

/// The generator deals its rows in blocks of so many, to so many partitions.
const BLOCK: u64 = 4096;
const PARTITIONS: u64 = 64;

/// Of each partition every `id` is there once, up to some; answers how many there are.
#[track_caller]
pub(crate) fn assert_exact(epochs: &BTreeMap<u64, Vec<Value>>) -> u64 {
    let mut seen = BTreeSet::new();
    let rows = epochs.values().flatten();
    let ids = rows.map(|row| row["id"].as_u64().unwrap());
    let doubled: Vec<u64> = ids.filter(|id| !seen.insert(*id)).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    let mut partitions: BTreeMap<u64, u64> = BTreeMap::new();
    for id in &seen {
        let (block, within) = (id / BLOCK, id % BLOCK);
        let (round, partition) = (block / PARTITIONS, block % PARTITIONS);
        let next = partitions.entry(partition).or_default();
        let expected = round * BLOCK + within;
        assert_eq!(
            *next, expected,
            "before {id} of partition {partition} some are missing"
        );
        *next += 1;
    }
    seen.len() as u64
}

/// Each epoch is of one version; answers which, in the order of epochs, each once in a row.
#[track_caller]
pub(crate) fn versions(epochs: &BTreeMap<u64, Vec<Value>>) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for (epoch, rows) in epochs {
        let said: BTreeSet<&str> = rows
            .iter()
            .map(|row| row["said"].as_str().unwrap())
            .collect();
        assert!(said.len() <= 1, "epoch {epoch} is of {said:?}");
        for said in said {
            if versions.last().is_none_or(|last| last != said) {
                versions.push(said.to_owned());
            }
        }
    }
    versions
}
