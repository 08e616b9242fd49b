//! A run comes back: what is there must be its own, up to the epoch that was
//! recorded last. Whatever else it finds it refuses, or puts aside where that is
//! allowed; what was prepared and never recorded it removes.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use azud_connect::Recovery;
use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::paths::Paths;
use super::staged::{Finished, failed};
use super::{batches, strangers};

/// What of an earlier start is not this run's, or is ahead of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    /// What tells it: `out/_azud/3.json`.
    pub(super) witness: String,
    /// Why it may not stay there.
    pub(super) why: Why,
    /// What has to go for it, the witness last.
    pub(super) paths: Vec<PathBuf>,
}

/// Why output may not stay where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is of that run, or of one without a checkpoint.
    OfRun(Option<String>),
    /// It is of this run, and of this epoch, which is not recorded.
    Ahead(u64),
    /// Nothing says whose it is.
    Unlisted,
    /// It is not visible yet, and of that run.
    Waits(String),
}

/// Whose output something is: a line of JSON in `_SUCCESS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) run: String,
    pub(super) epoch: u64,
}

/// Makes the place ready for a run that starts or comes back, but for the commit
/// of the recorded epoch, whose files are `tokens`.
///
/// # Errors
/// As [`azud_connect::Sink::recover`].
pub(super) fn recover(
    paths: &Paths,
    is_batches: bool,
    node: &str,
    recovery: &Recovery,
    tokens: &[Finished],
) -> Result<()> {
    let found = || -> io::Result<Vec<Stranger>> {
        let mut found = match is_batches {
            true => batches::strangers(paths, recovery)?,
            false => strangers::find(paths, recovery, tokens)?,
        };
        if let Some(run) = paths.owner()?.filter(|run| *run != recovery.run)
            && !paths.staged()?.is_empty()
        {
            found.push(Stranger {
                witness: paths.staging.display().to_string(),
                why: Why::Waits(run),
                paths: vec![paths.staging.clone()],
            });
        }
        Ok(found)
    };
    let found = found().map_err(failed("read", &paths.target))?;
    if let Some(first) = found.first() {
        if !recovery.allow_reset {
            return Err(refused(
                &paths.given,
                node,
                recovery,
                &first.witness,
                &first.why,
            ));
        }
        let aside = Aside::new(paths, is_batches).and_then(|aside| {
            found
                .iter()
                .try_for_each(|one| aside.put(paths, one))
                .map(|()| aside)
        });
        let aside = aside.map_err(failed("put aside what is in", &paths.target))?;
        let given = &paths.given;
        tracing::warn!(
            "sink `{node}`: what was in `{given}` and is not of this run up to its last recorded \
             epoch is in {aside} now"
        );
    }
    let hidden = batches::hidden_name(recovery.last.as_ref().map_or(0, |last| last.epoch.number));
    let mut kept: HashSet<&str> = tokens.iter().map(|token| token.staged.as_str()).collect();
    if !tokens.is_empty() {
        kept.insert(&hidden);
    }
    let removed = paths.keep_only(|name| kept.contains(name));
    removed.map_err(failed("clean", &paths.staging))
}

/// What is there, and why it may not stay.
pub(crate) fn refused(
    given: &str,
    node: &str,
    recovery: &Recovery,
    witness: &str,
    why: &Why,
) -> Error {
    let run = &recovery.run;
    let what = match why {
        Why::OfRun(Some(other)) => format!(
            "`{given}` holds the output of another run: `{witness}` is of run `{other}`, and this \
             is run `{run}`"
        ),
        Why::OfRun(None) => format!(
            "`{given}` holds the output of a run without a checkpoint: `{witness}` names no run"
        ),
        Why::Unlisted => format!("`{witness}` is there already, and no list of this run knows it"),
        Why::Waits(other) => format!(
            "`{witness}` holds rows of run `{other}` that are not visible yet, and this is run \
             `{run}`"
        ),
        Why::Ahead(epoch) => {
            let last = match recovery.epoch {
                Some(last) => format!("the last recorded epoch is {last}"),
                None => "no epoch is recorded".to_owned(),
            };
            return Error::invalid(format!(
                "`{given}` is ahead of the checkpoint: `{witness}` is of epoch {epoch} of this \
                 run, and {last}: the checkpoint is an older copy: bring back the newer one, or \
                 put the later output aside with `--allow-reset {node}`"
            ));
        }
    };
    Error::invalid(format!(
        "{what}: write to another folder, or put that output aside with `--allow-reset {node}`"
    ))
}
