//! What the file sink wrote, held against what was read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::partitions::Partitions;

/// What plugins answer to a digit is its key and so much.
const SUMS: u64 = 1_000;

/// The files of each epoch.
type Epochs = BTreeMap<u64, Vec<PathBuf>>;

/// Rows of a transform: all there once, each epoch of one version, and every version after the one
/// before.
pub(crate) fn transformed(folder: &Path, read: u64, swaps: u32) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        id: u64,
        said: String,
    }
    let mut partitions = Partitions::default();
    let mut versions = Versions::default();
    for (epoch, files) in epochs(folder, "part-")? {
        each(&files, |row: Row| {
            partitions.add(row.id);
            versions.add(epoch, &row.said)
        })?;
    }
    versions.hold(swaps)?;
    partitions.hold(read)
}

/// Rows of a plugin with state: of each digit the last sum is that of the rows that came, and these
/// are as many as were read; versions as there.
pub(crate) fn kept(folder: &Path, read: u64, swaps: u32) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        n: u64,
        said: String,
    }
    let (mut counts, mut sums) = (BTreeMap::<u64, u64>::new(), BTreeMap::<u64, u64>::new());
    let mut versions = Versions::default();
    for (epoch, files) in epochs(folder, "part-")? {
        each(&files, |row: Row| {
            match row.n.checked_sub(SUMS) {
                None => {
                    *counts.entry(row.n).or_default() += 1;
                    versions.add(epoch, &row.said)?;
                }
                // They only grow.
                Some(key) => {
                    let sum = sums.entry(key).or_default();
                    *sum = (*sum).max(row.said.parse()?);
                }
            }
            Ok(())
        })?;
    }
    versions.hold(swaps)?;
    let rows: u64 = counts.values().sum();
    ensure!(rows == read, "{rows} rows came of {read} records");
    let expected = counts.into_iter().map(|(n, count)| (n, n * count));
    let expected: BTreeMap<u64, u64> = expected.collect();
    ensure!(sums == expected, "sums {sums:?} in place of {expected:?}");
    Ok(())
}

/// Groups of an aggregate, written anew as they change: the last ones have all that was read.
pub(crate) fn summed(folder: &Path, read: u64) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        n: u64,
        total: u64,
        rows: u64,
    }
    let mut last = BTreeMap::new();
    for (_, folders) in epochs(folder, "out-")? {
        for folder in folders {
            for (_, files) in epochs(&folder, "part-")? {
                each(&files, |row: Row| {
                    last.insert(row.n, (row.rows, row.total));
                    Ok(())
                })?;
            }
        }
    }
    let rows: u64 = last.values().map(|(rows, _)| rows).sum();
    ensure!(rows == read, "{rows} rows came of {read} records");
    for (n, (rows, total)) in last {
        ensure!(total == n * rows, "{total} in place of {} of {n}", n * rows);
    }
    Ok(())
}

/// What a folder has, by the number that follows `with`.
fn epochs(folder: &Path, with: &str) -> Result<Epochs> {
    let mut epochs = Epochs::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(rest) = name.and_then(|name| name.strip_prefix(with)) else {
            continue;
        };
        let number = rest.split(|c: char| !c.is_ascii_digit()).next();
        let epoch = number.unwrap_or_default().parse();
        let epoch = epoch.with_context(|| format!("`{rest}` has no number"))?;
        epochs.entry(epoch).or_default().push(path);
    }
    Ok(epochs)
}

/// Every row of some files.
fn each<R: for<'a> Deserialize<'a>>(
    files: &[PathBuf],
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    for path in files {
        let file = BufReader::new(fs::File::open(path)?);
        for line in file.lines() {
            take(serde_json::from_str(&line?)?)?;
        }
    }
    Ok(())
}

/// Which version rows were of, epoch by epoch.
#[derive(Default)]
struct Versions(BTreeMap<u64, BTreeSet<String>>);

// === impl Versions ===

impl Versions {
    fn add(&mut self, epoch: u64, said: &str) -> Result<()> {
        let of = self.0.entry(epoch).or_default();
        if !of.contains(said) {
            of.insert(said.to_owned());
        }
        ensure!(of.len() == 1, "epoch {epoch} is of {of:?}");
        Ok(())
    }

    /// They follow each other, and none comes twice.
    fn hold(self, swaps: u32) -> Result<()> {
        let mut versions: Vec<String> = self.0.into_values().flatten().collect();
        versions.dedup();
        let expected: Vec<String> = (1..2 + swaps).map(|number| format!("v{number}")).collect();
        ensure!(versions == expected, "versions {versions:?}");
        Ok(())
    }
}
