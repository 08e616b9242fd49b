//! Which files a path means.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use azud_model::{Error, Result};

/// A path of a manifest.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As written: what partitions are named after.
    given: PathBuf,
    /// Where that is.
    at: PathBuf,
    directory: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Glob,
}

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// Milliseconds since 1970; the first of the fields, so that the oldest comes first.
    pub(super) modified_ms: i64,
    /// Named as the manifest names it.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

// === impl Pattern ===

impl Pattern {
    /// # Errors
    /// `Invalid` if it is neither a path nor a glob. Whether there is such a
    /// file is asked later.
    pub(super) fn new(path: &str, directory: &Path) -> Result<Self> {
        let given = PathBuf::from(path);
        let at = directory.join(path);
        let is_glob = path.contains(['*', '?', '[']) && !at.exists();
        if is_glob {
            glob::Pattern::new(path)
                .map_err(|error| Error::invalid(format!("bad glob `{path}`")).because(error))?;
        }
        let kind = match (is_glob, at.is_dir()) {
            (true, _) => Kind::Glob,
            (false, true) => Kind::Folder,
            (false, false) => Kind::File,
        };
        Ok(Self {
            given,
            at,
            directory: directory.to_owned(),
            kind,
        })
    }

    pub(super) fn is_one_file(&self) -> bool {
        self.kind == Kind::File
    }

    /// The files that are there now, oldest first.
    pub(super) fn files(&self) -> Result<Vec<Found>> {
        let mut files = match self.kind {
            Kind::File => self.one_file()?,
            Kind::Folder => self.folder()?,
            Kind::Glob => self.glob()?,
        };
        files.sort();
        Ok(files)
    }

    /// # Errors
    /// `Invalid` if the file or folder does not exist; a glob may match later.
    pub(super) fn check(&self) -> Result<()> {
        if self.kind == Kind::Glob || self.at.exists() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "there is no file or folder `{}`; paths are relative to the manifest",
            self.given.display()
        )))
    }

    fn one_file(&self) -> Result<Vec<Found>> {
        let found = found(self.given.clone(), self.at.clone());
        found
            .map(|found| found.into_iter().collect())
            .map_err(|error| self.unreadable(error))
    }

    fn folder(&self) -> Result<Vec<Found>> {
        let entries = fs::read_dir(&self.at).map_err(|error| self.unreadable(error))?;
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(error))?;
            let name = entry.file_name();
            if !is_hidden(Path::new(&name)) {
                files.extend(found(self.given.join(&name), entry.path()).ok().flatten());
            }
        }
        Ok(files)
    }

    fn glob(&self) -> Result<Vec<Found>> {
        // Only what the manifest says is a pattern, not where the manifest lies.
        let directory = glob::Pattern::escape(&self.directory.to_string_lossy());
        let pattern = Path::new(&directory).join(&self.given);
        let paths = glob::glob(&pattern.to_string_lossy()).map_err(|error| {
            Error::invalid(format!("bad glob `{}`", self.given.display())).because(error)
        })?;
        // A folder that may not be read hides its files, as for the shell.
        let paths = paths.flatten().filter(|path| !is_hidden(path));
        let named = |path: &Path| {
            path.strip_prefix(&self.directory)
                .unwrap_or(path)
                .to_owned()
        };
        Ok(paths
            .filter_map(|path| found(named(&path), path).ok().flatten())
            .collect())
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        let path = self.given.display();
        Error::unavailable(format!("cannot read `{path}`")).because(error)
    }
}

/// What the file is now; `None` if it is no file. A name that is not UTF-8 is shown as far as it is.
fn found(name: PathBuf, path: PathBuf) -> std::io::Result<Option<Found>> {
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let since = metadata.modified()?.duration_since(UNIX_EPOCH);
    Ok(Some(Found {
        modified_ms: since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        }),
        name: name.to_string_lossy().into_owned(),
        size: metadata.len(),
        path,
    }))
}

/// Files that are not finished, or not meant as data.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(['.', '_']) || name.ends_with(".tmp")
}
