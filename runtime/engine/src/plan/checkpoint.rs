//! The checkpoint: where it is, and how often it is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use azud_connect::identity;
use azud_manifest::{Manifest, Span};
use azud_state::Location;

use super::node::Draft;
use super::{PlanCheckpoint, PlanSink};
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

/// Nobody else may write where the checkpoint is, and nobody reads its files as data.
fn refuse_neighbours(draft: &mut Draft<'_>, span: Span, folder: &Path, directory: &Path) {
    let mut ways = folder.ancestors().filter(|way| way.exists());
    if let Some(file) = ways.next().filter(|way| !way.is_dir()) {
        let message = format!("`{}` is no folder", file.display());
        draft.blame(
            span,
            message,
            Some("name a folder, like `./state`".to_owned()),
        );
        return;
    }
    let checkpoint = identity(folder);
    let name = |node: usize| draft.nodes.get(node).map(|node| node.name.clone());
    let mut told = None;
    for sink in &draft.sinks {
        let Some(target) = sink.sink.target() else {
            continue;
        };
        // Of batches it is what folders' names start with, hidden ones included.
        let (target, batches) = match target.strip_suffix("-*") {
            Some(start) => (PathBuf::from(start), true),
            None => (PathBuf::from(&target), false),
        };
        let beside = target.file_name().map(|name| {
            let hidden = format!(".{}-azud", name.to_string_lossy());
            target.with_file_name(hidden)
        });
        let hidden = beside.is_some_and(|hidden| batches && checkpoint.starts_with(hidden));
        if target.starts_with(&checkpoint) || checkpoint.starts_with(&target) || hidden {
            told = name(sink.node).map(|node| format!("the sink `{node}` writes there"));
        }
    }
    for source in draft.manifest.sources.values() {
        let path = source.connector.options.get("path");
        let path = path.and_then(|path| path.as_str());
        if path.is_some_and(|path| identity(&directory.join(path)) == checkpoint) {
            told = Some(format!("the source `{}` reads there", source.name.value));
        }
    }
    if let Some(told) = told {
        let message = format!("a checkpoint has a folder of its own, and {told}");
        draft.blame(span, message, Some("name another folder".to_owned()));
    }
}

/// The same of a checkpoint in a bucket.
fn refuse_neighbours_in_a_bucket(draft: &mut Draft<'_>, span: Span, url: &str) {
    let folder = |url: &str| format!("{}/", url.trim_end_matches('/'));
    let checkpoint = folder(url);
    let inside = |sink: &&PlanSink| {
        let target = sink.sink.target().map(|target| folder(&target));
        target.is_some_and(|target| {
            target.starts_with(&checkpoint) || checkpoint.starts_with(&target)
        })
    };
    let Some(sink) = draft.sinks.iter().find(inside) else {
        return;
    };
    let name = draft.nodes.get(sink.node).map(|node| node.name.clone());
    let name = name.unwrap_or_default();
    let message =
        format!("a checkpoint has a prefix of its own, and the sink `{name}` writes there");
    draft.blame(span, message, Some("name another prefix".to_owned()));
}

/// Where epochs are recorded, unless that was blamed.
pub(super) fn checkpoint(draft: &mut Draft<'_>, directory: &Path) -> Option<PlanCheckpoint> {
    let manifest = draft.manifest;
    let checkpoint = manifest.checkpoint.as_ref()?;
    match Location::new(&checkpoint.to.value, directory) {
        Ok(location) => {
            match location.folder() {
                Some(folder) => refuse_neighbours(draft, checkpoint.to.span, folder, directory),
                None => {
                    refuse_journals(draft);
                    let url = location.to_string();
                    refuse_neighbours_in_a_bucket(draft, checkpoint.to.span, &url);
                }
            }
            let retain = checkpoint.retain.map_or(RETAIN, usize::from);
            match location.storage() {
                Ok(storage) => Some(PlanCheckpoint {
                    location,
                    home: identity(directory),
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
