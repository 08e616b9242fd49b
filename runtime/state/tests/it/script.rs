//! A run over a checkpoint, as the engine does it: state, record, cleaning, merging.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use azud_connect::{Disk as _, SimulatedDisk};
use azud_model::{Epoch, Result};
use azud_state::{
    Checkpoint, LocalStorage, Opened, Positions, Record, Shape, SinkRecord, StateFile, StateRecord,
    Storage, View, component, due, whole,
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::model::{STATES, after, batch, changes, pairs, places};
use crate::source::Source;

/// So many epochs are recorded in all: enough for merges of merged files.
pub(crate) const EPOCHS: u64 = 16;

/// So many records are kept.
const RETAIN: usize = 3;

const FOLDER: &str = "/data/checkpoint";

/// What somebody outside knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The last epoch whose record succeeded, or that a run went on from.
    pub(crate) recorded: Option<u64>,
    /// The epoch whose record was begun last.
    pub(crate) tried: Option<u64>,
    /// How many merges a run went on with.
    pub(crate) merges: u64,
    /// What was only warned of.
    pub(crate) warnings: Vec<String>,
}

/// What an attempt says of a failure: whether another one follows.
pub(crate) type Again<'a> = &'a mut dyn FnMut(&azud_model::Error) -> bool;

pub(crate) fn storage(disk: &SimulatedDisk) -> Arc<dyn Storage> {
    let storage = LocalStorage::new(Arc::new(disk.clone()), FOLDER.into());
    Arc::new(storage.without_locks())
}

/// Does something until it succeeds, or nobody wants to try again.
macro_rules! again {
    ($again:expr, $work:expr) => {
        loop {
            match $work.await {
                Ok(done) => break done,
                Err(error) if $again(&error) => {}
                Err(error) => return Err(error),
            }
        }
    };
}

/// Opens the checkpoint: it goes on from the last epoch that was acknowledged, or from
/// the one that was being recorded, with exactly the rows of that one.
pub(crate) async fn open(
    disk: &SimulatedDisk,
    known: &mut Known,
    again: Again<'_>,
) -> Result<(Checkpoint, Option<Record>)> {
    let opened = again!(again, Checkpoint::open(storage(disk), "p", RETAIN));
    let Opened {
        checkpoint,
        last,
        warnings,
    } = opened;
    assert_eq!(warnings, [""; 0], "a damaged record after {known:?}");
    let epoch = last.as_ref().map(|last| last.epoch);
    assert!(
        epoch == known.recorded || epoch == known.tried,
        "it goes on from {epoch:?} after {known:?}"
    );
    assert!(epoch >= known.recorded, "{epoch:?} after {known:?}");
    known.recorded = epoch;
    // What has prepared an epoch is there to commit it.
    for digest in last.iter().flat_map(|last| last.plugins.values()) {
        component(storage(disk).as_ref(), digest).await?;
    }
    if let Some(last) = &last {
        let whole = whole(storage(disk).as_ref(), last).await?;
        let positions = whole.sources.iter().flat_map(|source| &source.positions);
        let positions = positions.map(|one| (one.partition.clone(), one.next.clone()));
        assert_eq!(positions.collect::<BTreeMap<_, _>>(), places(last.epoch));
    }
    for state in last.iter().flat_map(|last| &last.states) {
        let step = usize::try_from(state.step).unwrap();
        let mut rows = BTreeMap::new();
        for file in &state.files {
            for batch in checkpoint.read_state(file).await? {
                rows.extend(pairs(&batch));
            }
        }
        assert_eq!(Some(rows), epoch.map(|epoch| after(step, epoch)));
    }
    Ok((checkpoint, last))
}

/// Opens the checkpoint and goes on to the last epoch.
pub(crate) async fn work(disk: &SimulatedDisk, known: &mut Known, again: Again<'_>) -> Result<()> {
    let (checkpoint, last) = open(disk, known, again).await?;
    let mut files: Vec<Vec<StateFile>> = match &last {
        Some(last) => last.states.iter().map(|of| of.files.clone()).collect(),
        None => vec![Vec::new(); STATES.len()],
    };
    let mut source = Source::new(last.as_ref());
    let first = last.map_or(0, |last| last.epoch + 1);
    let plugin = plugin(first);
    again!(
        again,
        checkpoint.keep_components(std::slice::from_ref(&plugin))
    );
    tidied(&checkpoint, known).await;
    if known.warnings.is_empty() {
        no_orphans(disk, &plugin).await;
    }
    for number in first..EPOCHS {
        for (state, files) in files.iter_mut().enumerate() {
            let rows = changes(state, number);
            if rows.is_empty() {
                continue;
            }
            let rows = batch(&rows);
            let name = STATES.get(state).copied().unwrap();
            files.push(again!(
                again,
                checkpoint.write_state(number, name, rows.schema(), vec![rows.clone()])
            ));
        }
        if source.goes_to(number) {
            let rows = source.positions.batch()?;
            let (name, schema) = ("in-positions", Positions::schema());
            source.files.push(again!(
                again,
                checkpoint.write_state(number, name, schema.clone(), vec![rows.clone()])
            ));
            source.positions.filed();
        }
        known.tried = Some(number);
        let mut record = record(&checkpoint, number, &files, &plugin);
        record.sources = vec![source.positions.record("in", "file", &source.files)];
        again!(again, checkpoint.record(&record));
        known.recorded = Some(number);
        tidied(&checkpoint, known).await;
        source.merge(&checkpoint, number, known).await;
        for (name, files) in STATES.iter().zip(&mut files) {
            let Some(range) = due(files) else {
                continue;
            };
            let old = files.get(range.clone()).unwrap();
            let older = range.start > 0;
            match checkpoint.merge(number, name, old, 1, None, older).await {
                Ok(merged) => {
                    known.merges += 1;
                    files.splice(range, [merged]);
                }
                Err(error) => known.warnings.push(error.to_string()),
            }
        }
    }
    Ok(())
}

/// Nothing that counts depends on it: the engine warns, and so does this.
async fn tidied(checkpoint: &Checkpoint, known: &mut Known) {
    if let Err(error) = checkpoint.clean().await {
        known.warnings.push(error.to_string());
    }
}

/// A run has one of three versions of its plugin.
fn plugin(first: u64) -> Bytes {
    format!("version {}", first % 3).into()
}

fn digest(plugin: &Bytes) -> String {
    let digest = Sha256::digest(plugin);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record(
    checkpoint: &Checkpoint,
    number: u64,
    files: &[Vec<StateFile>],
    plugin: &Bytes,
) -> Record {
    let epoch = Epoch {
        number,
        time_ms: 1_000 + i64::try_from(number).unwrap(),
        input_rows: 1,
        last: number + 1 == EPOCHS,
    };
    let states = (0..).zip(files).map(|(step, files)| StateRecord {
        node: "sums".to_owned(),
        step,
        shape: Shape {
            keys: 1,
            columns: vec!["key Int64".to_owned(), "value Int64".to_owned()],
            computes: "the last value".to_owned(),
        },
        files: files.clone(),
        forgotten_below: None,
        watermark: None,
        closed: None,
    });
    Record {
        states: states.collect(),
        sinks: vec![SinkRecord {
            node: "out".to_owned(),
            connector: "plugin".to_owned(),
            target: None,
            format: None,
            prepares: true,
            prepared: Vec::new(),
        }],
        plugins: [("out".to_owned(), digest(plugin))].into(),
        ..Record::new("p", checkpoint.run(), checkpoint.generation(), &epoch)
    }
}

/// After it was opened and cleaned there is nothing that no record names.
async fn no_orphans(disk: &SimulatedDisk, plugin: &Bytes) {
    let list = |folder: &str| {
        let folder = Path::new(FOLDER).join(folder);
        let entries = disk.list(&folder).unwrap().into_iter();
        let files = entries.filter(|entry| !entry.is_folder);
        files.map(|entry| entry.name).collect::<BTreeSet<_>>()
    };
    assert_eq!(list(""), ["checkpoint.json".to_owned()].into());
    for folder in ["owners", "epochs"] {
        let odd = list(folder).into_iter();
        let odd: Vec<_> = odd.filter(|name| !name.ends_with(".json")).collect();
        assert!(odd.is_empty(), "{folder}: {odd:?}");
    }
    // Those that are kept, and the claim of the next one.
    assert!(list("epochs").len() <= RETAIN + 1, "{:?}", list("epochs"));
    // There may be none yet, but for the claim of an owner.
    let records = View::new(storage(disk)).records().await.unwrap_or_default();
    let plugins = records.iter().flat_map(|record| record.plugins.values());
    let mut plugins: BTreeSet<String> = plugins.map(|digest| format!("{digest}.wasm")).collect();
    plugins.insert(format!("{}.wasm", digest(plugin)));
    assert_eq!(list("components"), plugins, "components");
    let states = records.iter().flat_map(|record| &record.states);
    let named = states.flat_map(|state| &state.files);
    let sources = records.iter().flat_map(|record| &record.sources);
    let named = named.chain(sources.flat_map(|source| &source.files));
    let named: BTreeSet<String> = named
        .map(|file| file.name.strip_prefix("state/").unwrap().to_owned())
        .collect();
    assert_eq!(
        list("state"),
        named,
        "files of state, and those that are named"
    );
}
