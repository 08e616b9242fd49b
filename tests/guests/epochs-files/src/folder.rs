//! The names in the folder, and how one becomes another without a moment in between.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
};

use azud_plugin::{Error, Result};

pub(crate) fn staging(run: &str) -> String {
    format!(".tmp-{run}")
}

pub(crate) fn prepared(run: &str, epoch: u64) -> String {
    format!(".prepared-{run}-{epoch}")
}

/// Removes what this run staged, and what it prepared after `last`.
pub(crate) fn roll_back(folder: &Path, run: &str, last: Option<u64>) -> Result<()> {
    let of_run = format!(".prepared-{run}-");
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let epoch = name.strip_prefix(&of_run);
        let epoch = epoch.and_then(|epoch| epoch.parse::<u64>().ok());
        if name == staging(run) || epoch.is_some_and(|epoch| Some(epoch) > last) {
            remove(folder, &name)?;
        }
    }
    Ok(())
}

/// Renames a whole file, and waits until the disk knows of it.
pub(crate) fn rename(folder: &Path, from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, folder.join(to))?;
    sync(folder)
}

/// Gives a prepared file its last name; it may have it already.
pub(crate) fn show(folder: &Path, prepared: &str, part: &str) -> Result<()> {
    match fs::rename(folder.join(prepared), folder.join(part)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if !folder.join(part).exists() {
                return Err(Error::new(format!("{prepared} is gone")));
            }
        }
        renamed => renamed?,
    }
    sync(folder)
}

/// Removes a file, if it is still there.
pub(crate) fn remove(folder: &Path, name: &str) -> Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => Ok(removed?),
    }
}

fn sync(folder: &Path) -> Result<()> {
    Ok(File::open(folder)?.sync_all()?)
}
