//! The checkpoint: where it is, and how often it is written.

use std::path::Path;
use std::time::Duration;

use azud_manifest::Manifest;
use azud_state::Location;

use super::PlanCheckpoint;
use super::node::Draft;
use crate::run::CONTINUOUS;

/// How many epochs are kept, unless the manifest says otherwise.
const RETAIN: usize = 10;

/// How often an epoch ends with trigger `continuous`.
pub(super) fn every(manifest: &Manifest) -> Duration {
    let every = manifest.checkpoint.as_ref();
    let every = every.and_then(|checkpoint| checkpoint.every.as_ref());
    every.map_or(CONTINUOUS, |every| every.value.into())
}

/// A journal is synced with every chunk that comes, which no object store is fast enough for.
fn refuse_journals(draft: &mut Draft<'_>) {
    let manifest = draft.manifest;
    let journaled = draft
        .sources
        .iter()
        .filter(|source| source.journal.is_some());
    let names = journaled.filter_map(|source| draft.nodes.get(source.node));
    let names: Vec<_> = names.map(|node| node.name.clone()).collect();
    for source in manifest.sources.values() {
        if names.contains(&source.name.value.as_str().into()) {
            let connector = &source.connector.name;
            let message = format!(
                "`{}` cannot be asked again: what it gives is kept in a journal, which needs a \
                 disk, and the checkpoint is on an object store",
                connector.value
            );
            let help = "write the checkpoint to a local path, or `durability: memory` here: then a \
                        crash loses what is under way";
            draft.blame(connector.span, message, Some(help.to_owned()));
        }
    }
}

/// Where epochs are recorded, unless that was blamed.
pub(super) fn checkpoint(draft: &mut Draft<'_>, directory: &Path) -> Option<PlanCheckpoint> {
    let manifest = draft.manifest;
    let checkpoint = manifest.checkpoint.as_ref()?;
    match Location::new(&checkpoint.to.value, directory) {
        Ok(location) => {
            if location.folder().is_none() {
                refuse_journals(draft);
            }
            let retain = checkpoint.retain.map_or(RETAIN, usize::from);
            match location.storage() {
                Ok(storage) => Some(PlanCheckpoint {
                    location,
                    storage,
                    retain,
                }),
                Err(error) => {
                    draft.blame(checkpoint.to.span, error.to_string(), None);
                    None
                }
            }
        }
        Err(error) => {
            draft.blame(checkpoint.to.span, error.to_string(), None);
            None
        }
    }
}
