//! Layout `batches`: a folder an epoch, as Spark's `saveAsTextFiles`.

use std::fs;
use std::io;

use azud_model::{Epoch, Error, Result};

use super::paths::{Paths, rename, sync};
use super::staged::{Finished, failed};

/// Puts an epoch's files into a folder and gives that its name.
pub(super) fn commit(paths: &Paths, epoch: &Epoch, files: &[Finished]) -> Result<()> {
    let target = paths.batch(epoch.time_ms);
    let staged = |file: &Finished| paths.staging.join(&file.staged);
    let hidden = paths.staging.join(format!("batch-{}", epoch.number));
    if target.exists() {
        if files.iter().any(|file| staged(file).exists()) || hidden.exists() {
            return Err(Error::invalid(format!(
                "the folder `{}-{}` exists already: remove it, or write elsewhere",
                paths.given, epoch.time_ms
            )));
        }
        return Ok(());
    }
    let commit = || -> io::Result<()> {
        fs::create_dir_all(&hidden)?;
        for file in files {
            rename(&staged(file), &hidden.join(&file.name))?;
        }
        fs::File::create(hidden.join("_SUCCESS"))?.sync_all()?;
        sync(&hidden)?;
        fs::rename(&hidden, &target)?;
        target.parent().map_or(Ok(()), sync)
    };
    commit().map_err(failed("commit", &target))
}
