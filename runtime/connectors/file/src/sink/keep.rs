//! What stays of rolling files when a run stops: the rows of committed epochs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use azud_model::{Mode, Result};

use super::paths::Paths;
use super::staged::{Finished, failed};
use super::table;
use super::writer::Progress;

/// Makes visible what rolling files hold of committed epochs: the rest belongs
/// to an epoch that never was.
///
/// With a checkpoint that is not known: the next epoch may be recorded already.
/// Where a file has rows of it, nothing is done: [`super::recover`] will.
pub(super) fn keep_committed(
    paths: &Paths,
    run: Option<&str>,
    mode: Mode,
    progress: &[Arc<Mutex<Progress>>],
) -> Result<()> {
    let mut epochs: BTreeMap<u64, Vec<Finished>> = BTreeMap::new();
    let mut kept = Vec::new();
    for lane in progress {
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((epoch, file)) = lane.committed.take() else {
            continue;
        };
        let staged = paths.staging.join(&file.staged);
        if run.is_some() && (lane.has_more || !staged.exists()) {
            continue;
        }
        // In a file of its own: a write that was under way when its writer was
        // dropped can still reach the one that was written.
        let copy = format!("{}-kept", file.staged);
        let copied = paths
            .steps
            .copy(&staged, &paths.staging.join(&copy), file.bytes);
        copied.map_err(failed("keep", &staged))?;
        kept.push(staged);
        epochs.entry(epoch).or_default().push(Finished {
            staged: copy,
            ..file
        });
    }
    for (epoch, files) in epochs {
        table::commit(paths, run, mode, epoch, &files)?;
    }
    for staged in kept {
        let removed = paths.steps.remove(&staged);
        removed.map_err(failed("remove", &staged))?;
    }
    Ok(())
}
