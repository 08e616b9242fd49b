//! The dead letters that a command is about, and which of them were replayed.

use std::collections::BTreeSet;
use std::sync::Arc;

use azud_engine::{DeadLetters, Letter};
use azud_manifest::Manifest;
use azud_model::{Clock, Error, ErrorKind, SystemClock};
use azud_state::{Location, View, kept_replays};
use tokio::runtime::Builder;

use crate::args::Chosen;
use crate::failure::Failure;
use crate::load;

/// So often what is put away while it is read is looked for again.
const LOOKS: u32 = 5;

/// So many nodes that the manifest has no more are named.
const OTHERS: usize = 10;

/// The dead letters of a manifest.
pub(super) struct Letters {
    pub(super) manifest: Manifest,
    sinks: DeadLetters,
    /// The ids of those that were replayed.
    replayed: BTreeSet<String>,
    node: Option<String>,
}

// === impl Letters ===

impl Letters {
    /// # Errors
    /// Where no sink has dead letters that can be read.
    pub(super) fn open(of: &Chosen) -> Result<Self, Failure> {
        let manifest = load::manifest(&of.file)?;
        let directory = load::directory(&of.file);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let sinks = DeadLetters::new(&manifest, directory.clone(), &clock);
        if sinks.sinks().is_empty() {
            return Err(Failure::Input(format!(
                "no sink of {} takes rejected rows: write `dead_letters: NAME`, and a sink of that \
                 name without `from`",
                of.file.display()
            )));
        }
        let unreadable = sinks.unreadable();
        let unreadable: Vec<String> = unreadable
            .map(|(sink, why)| format!("the sink `{sink}` cannot be read: {why}"))
            .collect();
        if unreadable.len() == sinks.sinks().len() {
            return Err(Failure::Input(unreadable.join("; ")));
        }
        for one in unreadable {
            tracing::warn!("{one}");
        }
        let replayed = replayed(&manifest, &directory).map_err(input)?;
        Ok(Self {
            manifest,
            sinks,
            replayed,
            node: of.node.clone(),
        })
    }

    pub(super) fn are_in_several_sinks(&self) -> bool {
        self.sinks.sinks().len() > 1
    }

    /// Every one that was chosen, with whether it was replayed; what is none is told in the log.
    ///
    /// # Errors
    /// What cannot be read; what `each` answers; where neither the manifest nor a dead letter has the
    /// node.
    pub(super) fn read(
        &self,
        each: &mut dyn FnMut(Letter, bool) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let node = self.node.as_deref();
        let mut unknown = node.filter(|node| !has(&self.manifest, node));
        let mut others = BTreeSet::new();
        let mut chosen = |letter: Letter| match node.is_none_or(|node| node == letter.node) {
            true => {
                if let Some(node) = unknown.take() {
                    tracing::warn!("the manifest has no node `{node}` any more");
                }
                let was_replayed = self.replayed.contains(&letter.id);
                each(letter, was_replayed)
            }
            false => {
                if unknown.is_some() && others.len() < OTHERS && !has(&self.manifest, &letter.node)
                {
                    others.insert(letter.node);
                }
                Ok(())
            }
        };
        let mut damaged = |what: String| tracing::warn!("{what}");
        match self.sinks.read(&mut chosen, &mut damaged) {
            // Enough was read.
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            Ok(()) => match unknown {
                Some(node) => Err(self.no_node(node, &others)),
                None => Ok(()),
            },
            Err(error) => Err(input(error)),
        }
    }

    fn no_node(&self, node: &str, others: &BTreeSet<String>) -> Failure {
        let Manifest {
            sources,
            transforms,
            sinks,
            ..
        } = &self.manifest;
        let there = sources.keys().chain(transforms.keys()).chain(sinks.keys());
        let list = |names: &mut dyn Iterator<Item = &String>| -> String {
            let names = names.map(|name| format!("`{}`", azud_sandbox::escaped(name)));
            names.collect::<Vec<_>>().join(", ")
        };
        let of_others = match others.is_empty() {
            true => String::new(),
            false => format!(", and dead letters of {}", list(&mut others.iter())),
        };
        Failure::Input(format!(
            "no node `{}`, and no dead letter of one: there are {}{of_others}",
            azud_sandbox::escaped(node),
            list(&mut { there })
        ))
    }
}

fn has(manifest: &Manifest, node: &str) -> bool {
    manifest.sources.contains_key(node)
        || manifest.transforms.contains_key(node)
        || manifest.sinks.contains_key(node)
}

/// The ids of what was replayed, by the checkpoint.
fn replayed(manifest: &Manifest, directory: &std::path::Path) -> Result<BTreeSet<String>, Error> {
    let Some(checkpoint) = &manifest.checkpoint else {
        return Ok(BTreeSet::new());
    };
    let location = Location::new(&checkpoint.to.value, directory)?;
    if location.folder().is_some_and(|folder| !folder.is_dir()) {
        return Ok(BTreeSet::new());
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("cannot wait").because(error))?;
    let storage = location.storage()?;
    runtime.block_on(async {
        let mut looks = 0;
        loop {
            looks += 1;
            // Before the first epoch nothing was replayed.
            let last = View::new(storage.clone()).record(None).await;
            let replayed = last.ok().and_then(|last| last.replayed);
            match kept_replays(storage.as_ref(), replayed).await {
                Err(_) if looks < LOOKS => {}
                kept => return Ok(kept?.replayed),
            }
        }
    })
}

pub(super) fn input(error: Error) -> Failure {
    Failure::Input(error.to_string())
}
