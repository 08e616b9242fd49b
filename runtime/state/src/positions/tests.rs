//! Positions of many partitions, over epochs and restarts, held against a plain map.

use std::collections::BTreeMap;
use std::sync::Arc;

use azud_connect::LocalDisk;
use azud_model::Epoch;
use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{Checkpoint, LocalStorage, due};

/// Partition to where it goes on: nearly always one place.
type Plain = BTreeMap<String, Vec<String>>;

/// A source over a checkpoint, as the engine keeps it.
struct Run {
    storage: Arc<dyn Storage>,
    checkpoint: Checkpoint,
    positions: Positions,
    files: Vec<StateFile>,
    /// The epoch that comes next.
    next: u64,
    /// More than so many partitions go to a file.
    most: usize,
    merges: u64,
}

// === impl Run ===

impl Run {
    /// Starts, and answers what was recorded.
    async fn open(folder: &std::path::Path, most: usize) -> (Self, Plain) {
        let disk = Arc::new(LocalDisk);
        let storage = LocalStorage::new(disk, folder.to_owned()).without_locks();
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let opened = Checkpoint::open(storage.clone(), "p", 2).await.unwrap();
        let mut run = Self {
            storage: storage.clone(),
            checkpoint: opened.checkpoint,
            positions: Positions::default(),
            files: Vec::new(),
            next: 0,
            most,
            merges: 0,
        };
        let Some(last) = opened.last else {
            return (run, Plain::new());
        };
        let whole = whole(storage.as_ref(), &last).await.unwrap();
        let (source, all) = (&last.sources[0], &whole.sources[0]);
        assert_eq!(source.count(), all.positions.len() as u64);
        run.positions = Positions::new(source, all);
        run.files.clone_from(&source.files);
        run.next = last.epoch + 1;
        (run, plain(all))
    }

    /// Records an epoch; answers how many bytes its record has.
    async fn record(&mut self, all: &Plain) -> usize {
        let listed = all.iter().flat_map(|(partition, next)| {
            let next = next.iter();
            next.map(|next| (partition.as_str(), next.as_str()))
        });
        self.positions.update(listed);
        if self.positions.listed() > self.most {
            let rows = vec![self.positions.batch().unwrap()];
            let schema = Positions::schema();
            let written = self
                .checkpoint
                .write_state(self.next, "in-positions", schema, rows);
            self.files.push(written.await.unwrap());
            self.positions.filed();
        }
        let (run, generation) = (self.checkpoint.run(), self.checkpoint.generation());
        let record = Record {
            sources: vec![self.positions.record("in", "file", &self.files)],
            ..Record::new("p", run, generation, &epoch(self.next))
        };
        self.checkpoint.record(&record).await.unwrap();
        self.checkpoint.clean().await.unwrap();
        self.next += 1;
        record.to_bytes().unwrap().len()
    }

    async fn merge(&mut self, range: std::ops::Range<usize>) {
        let files = self.files[range.clone()].to_vec();
        let older = range.start > 0;
        let merged = self
            .checkpoint
            .merge_positions(self.next, "in-positions", &files, older);
        let merged = merged.await.unwrap();
        self.files.splice(range, [merged]);
        self.merges += 1;
    }
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        time_ms: 1,
        input_rows: 1,
        last: false,
    }
}

fn plain(source: &SourceRecord) -> Plain {
    let mut plain = Plain::new();
    for position in &source.positions {
        let next = plain.entry(position.partition.clone()).or_default();
        next.push(position.next.clone());
    }
    plain
}

/// What an epoch does to a partition: nothing, two places at once, gone, another place.
fn change(all: &mut Plain, partition: u8, what: u8) {
    let partition = format!("in/{partition:03}.json");
    match what % 8 {
        0 => drop(all.remove(&partition)),
        1 => drop(all.insert(partition, vec![what.to_string(), format!("{what} more")])),
        _ => drop(all.insert(partition, vec![what.to_string()])),
    }
}

fn changes() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..24_u8, any::<u8>()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_restart_finds_exactly_what_was_recorded(
        epochs in prop::collection::vec((changes(), 0..6_u8), 1..14),
        most in 0..9_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let (mut run, mut all) = Run::open(folder.path(), most).await;
            for (changes, then) in epochs {
                for (partition, what) in changes {
                    change(&mut all, partition, what);
                }
                run.record(&all).await;
                let files = run.files.len();
                match then {
                    0 if files > 1 => run.merge(0..files).await,
                    1 if files > 2 => run.merge(1..files).await,
                    2 if files > 2 => run.merge(0..files - 1).await,
                    // With room for more or less than before.
                    3 => {
                        drop(run);
                        let (opened, found) = Run::open(folder.path(), most / 2).await;
                        prop_assert_eq!(&found, &all);
                        run = opened;
                    }
                    _ => {}
                }
            }
            drop(run);
            let (_, found) = Run::open(folder.path(), most).await;
            prop_assert_eq!(found, all);
            Ok(())
        })?;
    }
}

fn position(file: u32, done: bool) -> Vec<String> {
    let bytes = 1_000_000 + file;
    vec![format!(
        r#"{{"file":"{file:016x}","offset":{bytes},"line":{file},"done":{done}}}"#
    )]
}

/// 20,000 files, three of which are read in an epoch.
#[tokio::test]
async fn a_record_of_twenty_thousand_files_costs_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut run, mut all) = Run::open(folder.path(), 256).await;
    for file in 0..20_000 {
        let name = format!("in/2026/01/01/{file:08}.json");
        all.insert(name, position(file, false));
    }
    let first = run.record(&all).await;
    assert!(first < 2_000, "{first} bytes: all are in a file");
    let (mut most, mut sum) = (0, 0);
    for epoch in 0..1_000 {
        for file in epoch * 3..epoch * 3 + 3 {
            let name = format!("in/2026/01/01/{file:08}.json");
            all.insert(name, position(file, true));
        }
        let bytes = run.record(&all).await;
        (most, sum) = (most.max(bytes), sum + bytes);
        if let Some(range) = due(&run.files) {
            run.merge(range).await;
        }
    }
    // 256 of about 130 bytes, and the files. Before, each had 2.5 MB.
    assert!(most < 40_000, "{most} bytes");
    assert!(sum / 1_000 < 22_000, "{} bytes on average", sum / 1_000);
    assert!(run.files.len() < 16, "{} files", run.files.len());
    drop(run);
    assert_eq!(Run::open(folder.path(), 256).await.1, all);
}

/// Files that come, are read, and are removed: nothing of them stays.
#[tokio::test]
async fn partitions_that_go_away_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut run, mut all) = Run::open(folder.path(), 8).await;
    for file in 0..2_000_u32 {
        all.insert(format!("in/{file}"), position(file, true));
        all.retain(|_, next| *next > position(file.saturating_sub(50), true));
        if file % 5 == 0 {
            run.record(&all).await;
            if let Some(range) = due(&run.files) {
                run.merge(range).await;
            }
        }
    }
    let rows: u64 = run.files.iter().map(|file| file.rows).sum();
    assert!(
        run.merges > 10 && rows < 400,
        "{} merges, {rows} rows",
        run.merges
    );
    all.clear();
    run.record(&all).await;
    let files = run.files.len();
    run.merge(0..files).await;
    assert_eq!(run.files[0].rows, 0);
    run.record(&all).await;
    drop(run);
    assert_eq!(Run::open(folder.path(), 8).await.1, Plain::new());
}

/// Version 1 listed all positions in each record.
#[tokio::test]
async fn a_record_of_the_first_version_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let (run, mut all) = Run::open(folder.path(), 256).await;
    let positions: Vec<String> = (0..300)
        .map(|file| {
            all.insert(format!("in/{file}"), position(file, true));
            let next = position(file, true).remove(0).replace('"', "\\\"");
            format!(r#"{{"partition":"in/{file}","next":"{next}"}}"#)
        })
        .collect();
    let line = format!(
        r#"{{"version":1,"pipeline":"p","run":"{}","generation":1,"epoch":0,"time_ms":1,"input_rows":1,"last":false,"sources":[{{"node":"in","connector":"file","positions":[{}]}}],"states":[],"sinks":[],"plugins":{{}}}}"#,
        run.checkpoint.run(),
        positions.join(",")
    );
    let seal = xxhash_rust::xxh3::xxh3_64(line.as_bytes());
    let text = format!("{line}\n{{\"xxh3\":\"{seal:016x}\"}}\n");
    let name = "epochs/00000000000000000000.json";
    run.storage.put(name, Bytes::from(text)).await.unwrap();
    drop(run);

    let (mut run, found) = Run::open(folder.path(), 256).await;
    assert_eq!(found, all);
    assert!(run.files.is_empty());
    change(&mut all, 1, 9);
    let bytes = run.record(&all).await;
    assert!(bytes < 1_000, "{bytes} bytes");
    assert_eq!(run.files[0].rows, 301);
    change(&mut all, 2, 9);
    run.record(&all).await;
    drop(run);
    assert_eq!(Run::open(folder.path(), 256).await.1, all);
}

#[tokio::test]
async fn a_file_of_positions_that_is_damaged_or_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (mut run, mut all) = Run::open(folder.path(), 0).await;
    change(&mut all, 1, 9);
    run.record(&all).await;
    let name = run.files[0].name.clone();
    let path = folder.path().join(&name);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[1..]).unwrap();
    let storage = run.storage.clone();
    drop(run);
    let opened = Checkpoint::open(storage.clone(), "p", 2).await.unwrap();
    let last = opened.last.unwrap();
    let error = whole(storage.as_ref(), &last)
        .await
        .unwrap_err()
        .to_string();
    let expected = format!("the state file `{}` is damaged", path.display());
    assert!(error.starts_with(&expected), "{error}");
    drop(opened.checkpoint);
    std::fs::remove_file(&path).unwrap();
    let opened = Checkpoint::open(storage, "p", 2).await;
    let error = opened.unwrap_err().to_string();
    let expected = format!(
        "the state file `{}` is gone, and epoch 0 needs it",
        path.display()
    );
    assert!(error.starts_with(&expected), "{error}");
}
