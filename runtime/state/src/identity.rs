//! Whose a checkpoint is.

use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Storage;
use crate::owner::removed;

/// Where that is said.
pub(crate) const IDENTITY: &str = "checkpoint.json";

/// The version of the layout of a checkpoint.
const FORMAT: u32 = 1;

/// Folders that only a checkpoint has: where they are without [`IDENTITY`], that was lost.
const FOLDERS: [&str; 2] = ["epochs", "state"];

/// What is written once, by the first owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    format: u32,
    pipeline: String,
    pub(crate) run: String,
}

/// Whose the checkpoint is; makes it ours where it is nobody's. `before` is the run that the
/// process had it open as: then it is never begun anew.
pub(crate) async fn identity(
    storage: &dyn Storage,
    pipeline: &str,
    before: Option<&str>,
) -> Result<Identity> {
    let found = read(storage, pipeline).await?;
    match (found, before) {
        (Some(found), Some(before)) if found.run != before => return Err(removed(storage)),
        (Some(found), _) => return Ok(found),
        (None, Some(_)) => return Err(removed(storage)),
        (None, None) => {}
    }
    for folder in FOLDERS {
        if storage.list(folder).await?.is_empty() {
            continue;
        }
        // Unless somebody else began just now.
        return read(storage, pipeline).await?.ok_or_else(|| {
            Error::invalid(format!(
                "`{}` has a folder `{folder}`, and `{IDENTITY}` is gone: restore it from a copy, \
                 or name another folder",
                storage.place("")
            ))
        });
    }
    let journal = storage.folder().map(|folder| folder.join("journal"));
    if journal.is_some_and(|journal| journal.is_dir()) {
        return Err(Error::invalid(format!(
            "`{}` has journals of another run, and `{IDENTITY}` is gone: restore it from a copy, \
             or name another folder",
            storage.place("")
        )));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Error::internal("no random numbers").because(error))?;
    let identity = Identity {
        format: FORMAT,
        pipeline: pipeline.to_owned(),
        run: random.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut bytes = serde_json::to_vec(&identity)
        .map_err(|error| Error::internal("an identity").because(error))?;
    bytes.push(b'\n');
    if storage.put_new(IDENTITY, bytes.into()).await? {
        return Ok(identity);
    }
    // Somebody else's of this moment, or our own, of an attempt whose answer got lost.
    read(storage, pipeline).await?.ok_or_else(|| {
        Error::unavailable(format!(
            "`{}` was there, and is gone",
            storage.place(IDENTITY)
        ))
    })
}

async fn read(storage: &dyn Storage, pipeline: &str) -> Result<Option<Identity>> {
    let place = storage.place(IDENTITY);
    let Some(bytes) = storage.get(IDENTITY).await? else {
        return Ok(None);
    };
    let damaged = |error| Error::invalid(format!("`{place}` cannot be read")).because(error);
    let identity: Identity = serde_json::from_slice(&bytes).map_err(damaged)?;
    if identity.format > FORMAT {
        return Err(Error::invalid(format!(
            "`{place}` has version {} of the format, and this azud reads up to {FORMAT}: run the \
             newer one",
            identity.format
        )));
    }
    if identity.pipeline != pipeline {
        return Err(Error::invalid(format!(
            "`{}` is the checkpoint of the pipeline `{}`, and this one is `{pipeline}`: name \
             another folder, or give the pipeline its old name",
            storage.place(""),
            identity.pipeline
        )));
    }
    Ok(Some(identity))
}
