//! What stays of rolling files when a run stops: the rows of committed epochs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use azud_model::{Mode, Result};

use super::paths::Paths;
use super::staged::{Finished, failed};
use super::table;
use super::writer::Progress;

/// Makes visible what rolling files hold of committed epochs: the rest belongs
/// to an epoch that never was.
pub(super) fn keep_committed(
    paths: &Paths,
    mode: Mode,
    progress: &[Arc<Mutex<Progress>>],
) -> Result<()> {
    let mut epochs: BTreeMap<u64, Vec<Finished>> = BTreeMap::new();
    for lane in progress {
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((epoch, file)) = lane.committed.take() {
            epochs.entry(epoch).or_default().push(copied(paths, file)?);
        }
    }
    for (epoch, files) in epochs {
        table::commit(paths, mode, epoch, &files)?;
    }
    Ok(())
}

/// The committed bytes in a file of their own: a write that was under way when
/// its writer was dropped can still reach the one that was written.
fn copied(paths: &Paths, file: Finished) -> Result<Finished> {
    let staged = format!("{}-kept", file.staged);
    let from = paths.staging.join(&file.staged);
    let copy = || -> io::Result<()> {
        let mut to = File::create(paths.staging.join(&staged))?;
        let bytes = io::copy(&mut File::open(&from)?.take(file.bytes), &mut to)?;
        if bytes != file.bytes {
            let reason = format!("it has {bytes} bytes instead of {}", file.bytes);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        to.sync_all()
    };
    copy().map_err(failed("keep", &from))?;
    Ok(Finished { staged, ..file })
}
