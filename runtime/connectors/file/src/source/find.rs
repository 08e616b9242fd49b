//! Which files a path means.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use azud_model::{Error, Result};

use super::found::{Found, is_gone, unreadable};

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

// === impl Pattern ===

impl Pattern {
    /// # Errors
    /// `Invalid` if it is neither a path nor a glob. Whether there is such a
    /// file is asked later.
    pub(super) fn new(path: &str, directory: &Path) -> Result<Self> {
        let given = PathBuf::from(path);
        let at = directory.join(path);
        let is_glob = is_wild(path) && !at.exists();
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

    /// The path as written.
    pub(super) fn given(&self) -> &Path {
        &self.given
    }

    /// The folder whose files are meant, if it is one.
    pub(super) fn folder_at(&self) -> Option<&Path> {
        (self.kind == Kind::Folder).then_some(self.at.as_path())
    }

    /// The files that are there now, oldest first.
    ///
    /// # Errors
    /// Whenever a file may be there that is not in the list: but see [`Self::may_hide`].
    pub(super) fn files(&self) -> Result<Vec<Found>> {
        let mut files = match self.kind {
            Kind::File => Found::at(&self.given, self.at.clone())?
                .into_iter()
                .collect(),
            Kind::Folder => self.folder()?,
            Kind::Glob => self.glob()?,
        };
        files.sort();
        Ok(files)
    }

    /// Whether a file that was found and is no more in the list may be there
    /// all the same: a glob says nothing of folders that it cannot look into.
    pub(super) fn may_hide(&self, name: &str) -> bool {
        self.kind == Kind::Glob
            && match fs::metadata(self.directory.join(name)) {
                Ok(metadata) => metadata.is_file(),
                Err(error) => !is_gone(&error),
            }
    }

    /// # Errors
    /// `Invalid` if the file or folder does not exist or may not be read; a glob may match later.
    pub(super) fn check(&self) -> Result<()> {
        if self.kind != Kind::Glob {
            fs::metadata(&self.at).map_err(|error| match is_gone(&error) {
                true => Error::invalid(format!(
                    "there is no file or folder `{}`; paths are relative to the manifest",
                    self.given.display()
                )),
                false => unreadable(&self.given, error),
            })?;
        }
        let start = self.start();
        let read = match self.kind {
            Kind::Folder | Kind::Glob => fs::read_dir(self.directory.join(&start)).map(drop),
            Kind::File if self.at.is_file() => fs::File::open(&self.at).map(drop),
            // To open a pipe is to wait for somebody, and it has no end that is there at the start.
            Kind::File if self.at.exists() => {
                return Err(Error::invalid(format!(
                    "`{}` is a pipe or a device, not a file: write what comes from it to a file, \
                     or send it to a `socket`",
                    self.given.display()
                )));
            }
            Kind::File => Ok(()),
        };
        match read {
            Err(error) if self.kind != Kind::Glob || error.kind() != ErrorKind::NotFound => {
                Err(unreadable(&start, error))
            }
            _ => Ok(()),
        }
    }

    fn folder(&self) -> Result<Vec<Found>> {
        let failed = |error| unreadable(&self.given, error);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !is_hidden(Component::Normal(&name)) {
                files.extend(Found::at(&self.given.join(&name), entry.path())?);
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
        let named = |path: &Path| {
            path.strip_prefix(&self.directory)
                .unwrap_or(path)
                .to_owned()
        };
        let start = self.start();
        let before = parts(&self.directory.join(&start)).count();
        let written: Vec<_> = parts(&self.given).skip(parts(&start).count()).collect();
        // What the manifest names outright is meant, hidden or not.
        let hides = |path: &Path| {
            let mut matched = parts(path).skip(before);
            matched.any(|part| is_hidden(part) && !written.contains(&part))
        };
        let mut files = Vec::new();
        for path in paths {
            let found = match path {
                Ok(path) if hides(&path) => continue,
                Ok(path) => Found::at(&named(&path), path),
                Err(error) if is_gone(error.error()) => continue,
                Err(error) => Err(unreadable(&named(error.path()), error.into())),
            };
            match found {
                // A folder that may not be read hides its files, as for the shell.
                Err(error) if error.kind() == azud_model::ErrorKind::Invalid => {}
                found => files.extend(found?),
            }
        }
        Ok(files)
    }

    /// Where looking starts: the path, of a glob what comes before the first wildcard.
    fn start(&self) -> PathBuf {
        let is_plain = |part: &Component<'_>| {
            self.kind != Kind::Glob || !is_wild(&part.as_os_str().to_string_lossy())
        };
        let start: PathBuf = self.given.components().take_while(is_plain).collect();
        match start.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => start,
        }
    }
}

fn is_wild(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The components that count: `./in` is `in`.
fn parts(path: &Path) -> impl Iterator<Item = Component<'_>> {
    path.components().filter(|part| *part != Component::CurDir)
}

/// Files that are not finished, or not meant as data, and folders of such.
fn is_hidden(part: Component<'_>) -> bool {
    let Component::Normal(name) = part else {
        return false;
    };
    let name = name.to_string_lossy();
    name.starts_with(['.', '_']) || name.ends_with(".tmp")
}
