//! Sources that could not be built: each is tried again once a file of it is another one.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

/// What cargo writes into the folder of a package itself.
const LOCK: &str = "Cargo.lock";

/// Folders and ends of names of what a build reads for sure.
const FOLDERS: [&str; 3] = ["src", "wit", ".cargo"];
const ENDS: [&str; 4] = ["rs", "toml", "wit", "lock"];

/// What failed, by the folder of the source.
#[derive(Debug, Default)]
pub(super) struct Failed(BTreeMap<PathBuf, Files>);

/// When files were written, and how large they are, by their place below the source's folder.
type Files = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

// === impl Failed ===

impl Failed {
    /// Builds a source, unless that has failed and its files are the same since; `beside` is the
    /// folder of the manifest.
    pub(super) fn build<T, E>(
        &mut self,
        folder: &Path,
        beside: &Path,
        build: impl FnOnce() -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        // As they are before: what is saved while it builds is another version.
        let mut files = files(folder, beside);
        if self.0.get(folder) == Some(&files) {
            return None;
        }
        let built = build();
        match built {
            Ok(_) => self.0.remove(folder),
            Err(_) => {
                let lock = PathBuf::from(LOCK);
                let now = stamp(&folder.join(&lock));
                files.extend(now.map(|now| (lock, Some(now))));
                self.0.insert(folder.to_owned(), files)
            }
        };
        Some(built)
    }
}

/// The files that may go into the component: all but those in `target` and hidden ones. Where the
/// manifest is in that folder, too, what the pipeline writes is beside it: its log, say. Then only
/// those that are of a package for sure.
fn files(folder: &Path, beside: &Path) -> Files {
    let is_whole = match (folder.canonicalize(), beside.canonicalize()) {
        (Ok(folder), Ok(beside)) => !beside.starts_with(folder),
        _ => true,
    };
    let walk = WalkDir::new(folder).follow_links(true).min_depth(1);
    let entries = walk.into_iter().filter_entry(may_count);
    let files = entries.filter_map(|entry| {
        let entry = entry.ok().filter(|entry| entry.file_type().is_file())?;
        let path = entry.path().strip_prefix(folder).ok()?.to_owned();
        (is_whole || is_of_package(&path)).then(|| (path, stamp(entry.path())))
    });
    files.collect()
}

fn may_count(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let is_hidden = name.as_encoded_bytes().starts_with(b".") && name != ".cargo";
    !is_hidden && (entry.depth() > 1 || name != "target")
}

fn is_of_package(path: &Path) -> bool {
    let is_one = |end: &OsStr| ENDS.iter().any(|one| end == *one);
    path.extension().is_some_and(is_one) || FOLDERS.iter().any(|folder| path.starts_with(folder))
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests;
