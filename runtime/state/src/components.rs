//! The components of sinks that are plugins with transactions: only the one that has
//! prepared an epoch can be trusted to commit it, so it stays for as long as a record that
//! is kept may need it.
//!
//! `components/<sha256>.wasm` is written once, before the first record that needs it.

use std::collections::BTreeSet;

use azud_model::{Error, Result};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{Record, Storage};

/// Where they are.
pub(crate) const FOLDER: &str = "components";

/// What a sink's connector is called where it is a plugin.
const PLUGIN: &str = "plugin";

/// No component is larger: nothing else is read whole.
const LARGEST: u64 = 1 << 30;

/// How large an object is, if it is there.
async fn size(storage: &dyn Storage, name: &str) -> Result<Option<u64>> {
    let listed = storage.list(FOLDER).await?;
    let file = name
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_prefix('/'));
    let found = listed.iter().find(|one| Some(one.name.as_str()) == file);
    Ok(found.map(|one| one.bytes))
}

/// The object of a component.
pub(crate) fn name(digest: &str) -> String {
    format!("{FOLDER}/{digest}.wasm")
}

/// Whether a file in the folder is named as components are: nobody else's is removed.
pub(crate) fn is_own(file: &str) -> bool {
    file.strip_suffix(".wasm")
        .is_some_and(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The objects of the components that a record's epoch was prepared by.
pub(crate) fn needed(record: &Record) -> impl Iterator<Item = String> {
    let sinks = record.sinks.iter();
    let plugins = sinks.filter(|sink| sink.connector == PLUGIN && sink.prepares);
    plugins.filter_map(|sink| record.plugins.get(&sink.node).map(|digest| name(digest)))
}

/// Writes a component unless it is there as it must be.
pub(crate) async fn keep(storage: &dyn Storage, bytes: Bytes) -> Result<String> {
    let name = name(&sha256(&bytes));
    // One that was damaged is replaced while its bytes are known.
    let is_there = match size(storage, &name).await? {
        Some(size) if size == bytes.len() as u64 => storage
            .get(&name)
            .await?
            .is_some_and(|there| there == bytes),
        _ => false,
    };
    if !is_there {
        storage.put(&name, bytes).await?;
    }
    Ok(name)
}

/// A component that was kept, by its sha256; and where it is, for a person.
///
/// # Errors
/// Those of the storage; `Invalid` if it is gone or damaged.
pub async fn component(storage: &dyn Storage, digest: &str) -> Result<(String, Bytes)> {
    let name = name(digest);
    let place = storage.place(&name);
    if let Some(size) = size(storage, &name).await?
        && size > LARGEST
    {
        return Err(Error::invalid(format!(
            "the component `{place}` is damaged: it has {size} bytes, and none has more than \
             {LARGEST}; restore it from a copy of the checkpoint"
        )));
    }
    let bytes = storage.get(&name).await?.ok_or_else(|| {
        Error::invalid(format!(
            "the component `{place}` is not there: restore it from a copy of the checkpoint"
        ))
    })?;
    let found = sha256(&bytes);
    if found != digest {
        return Err(Error::invalid(format!(
            "the component `{place}` is damaged: its {} bytes have the sha256 {found}; restore it \
             from a copy of the checkpoint",
            bytes.len()
        )));
    }
    Ok((place, bytes))
}

/// The components that are kept and needed no more.
pub(crate) async fn unneeded(
    storage: &dyn Storage,
    needed: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let listed = storage.list(FOLDER).await?;
    let own = listed.iter().filter(|file| is_own(&file.name));
    let names = own.map(|file| format!("{FOLDER}/{}", file.name));
    Ok(names.filter(|name| !needed.contains(name)).collect())
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use azud_connect::LocalDisk;
    use azud_model::Epoch;

    use super::*;
    use crate::{Checkpoint, LocalStorage, SinkRecord};

    fn storage(folder: &std::path::Path) -> Arc<dyn Storage> {
        Arc::new(LocalStorage::new(Arc::new(LocalDisk), folder.to_owned()).without_locks())
    }

    /// The record of an epoch that a component has prepared.
    fn record(checkpoint: &Checkpoint, number: u64, component: &'static str) -> Record {
        let epoch = Epoch {
            number,
            time_ms: 1,
            input_rows: 1,
            last: false,
        };
        let sink = |node: &str, connector: &str, prepares| SinkRecord {
            node: node.to_owned(),
            connector: connector.to_owned(),
            target: None,
            format: None,
            prepares,
            prepared: Vec::new(),
        };
        let digest = sha256(component.as_bytes());
        let plugins = ["out", "other", "map"].map(|node| (node.to_owned(), digest.clone()));
        let plugins = plugins.into_iter();
        Record {
            sinks: vec![sink("out", PLUGIN, true), sink("other", PLUGIN, false)],
            plugins: plugins.collect(),
            ..Record::new("p", checkpoint.run(), checkpoint.generation(), &epoch)
        }
    }

    async fn kept(storage: &dyn Storage) -> Vec<String> {
        let listed = storage.list(FOLDER).await.unwrap();
        listed.into_iter().map(|file| file.name).collect()
    }

    fn files(components: &[&str]) -> Vec<String> {
        let names = components.iter();
        let names = names.map(|one| format!("{}.wasm", sha256(one.as_bytes())));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_is_kept_is_given_back_and_damage_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        let digest = sha256(b"a component");
        let gone = component(storage.as_ref(), &digest).await.unwrap_err();
        let place = folder.path().join(name(&digest)).display().to_string();
        let expected = format!("the component `{place}` is not there");
        assert!(gone.to_string().starts_with(&expected), "{gone}");

        let bytes = Bytes::from("a component");
        keep(storage.as_ref(), bytes.clone()).await.unwrap();
        let found = component(storage.as_ref(), &digest).await.unwrap();
        assert_eq!(found, (place.clone(), bytes.clone()));

        std::fs::write(&place, "a compOnent").unwrap();
        let damaged = component(storage.as_ref(), &digest).await.unwrap_err();
        let expected = format!(
            "the component `{place}` is damaged: its 11 bytes have the sha256 {}",
            sha256(b"a compOnent")
        );
        assert!(damaged.to_string().starts_with(&expected), "{damaged}");
        // Whoever has it puts it in order.
        keep(storage.as_ref(), bytes.clone()).await.unwrap();
        assert_eq!(component(storage.as_ref(), &digest).await.unwrap().1, bytes);
    }

    /// One that comes back is needed by records that are not next to each other.
    #[tokio::test]
    async fn a_component_stays_for_as_long_as_a_record_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        // By epoch: which component it is, and which are there once it is committed.
        let epochs: [(&str, &[&str]); 7] = [
            ("a", &["a"]),
            ("b", &["a", "b"]),
            ("a", &["a", "b"]),
            ("c", &["a", "c"]),
            ("c", &["c"]),
            ("a", &["a", "c"]),
            ("a", &["a"]),
        ];
        for (number, (component, expected)) in (0..).zip(epochs) {
            let opened = Checkpoint::open(storage.clone(), "p", 2).await.unwrap();
            let checkpoint = opened.checkpoint;
            let bytes = [Bytes::from(component)];
            checkpoint.keep_components(&bytes).await.unwrap();
            // Nothing is recorded yet, and it is there.
            checkpoint.clean().await.unwrap();
            self::component(storage.as_ref(), &sha256(component.as_bytes()))
                .await
                .unwrap();
            let record = record(&checkpoint, number, component);
            checkpoint.record(&record).await.unwrap();
            checkpoint.clean().await.unwrap();
            assert_eq!(kept(storage.as_ref()).await, files(expected), "{number}");
        }
    }

    #[tokio::test]
    async fn what_no_record_needs_goes_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        for name in ["notes.txt", "notes.wasm"] {
            let name = format!("{FOLDER}/{name}");
            storage.put(&name, "somebody's".into()).await.unwrap();
        }
        // A run that ended before its first record.
        keep(storage.as_ref(), "a".into()).await.unwrap();
        let opened = Checkpoint::open(storage.clone(), "p", 2).await.unwrap();
        opened
            .checkpoint
            .keep_components(&["b".into()])
            .await
            .unwrap();
        let mut expected = files(&["b"]);
        expected.extend(["notes.txt".to_owned(), "notes.wasm".to_owned()]);
        expected.sort();
        assert_eq!(kept(storage.as_ref()).await, expected);

        // A record that nobody can read may need any of them.
        std::fs::write(
            folder.path().join("epochs/00000000000000000000.json"),
            [b'x'; 99],
        )
        .unwrap();
        std::fs::write(
            folder.path().join("epochs/00000000000000000001.json"),
            [b'x'; 99],
        )
        .unwrap();
        let next = record(&opened.checkpoint, 2, "b");
        opened.checkpoint.record(&next).await.unwrap();
        let again = Checkpoint::open(storage.clone(), "p", 2).await.unwrap();
        again
            .checkpoint
            .keep_components(&["c".into()])
            .await
            .unwrap();
        assert_eq!(kept(storage.as_ref()).await.len(), 4);
    }
}
