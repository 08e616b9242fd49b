//! A file as it was found.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use azud_model::{Error, Result};

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

// === impl Found ===

impl Found {
    /// What the file is now; `None` if there is none, or it is no file. Of a name that is not UTF-8
    /// the other bytes are written as `\xe9`: two files have two names.
    ///
    /// # Errors
    /// As [`unreadable`]: the file may be there all the same.
    pub(super) fn at(name: &Path, path: PathBuf) -> Result<Option<Self>> {
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Self {
                modified_ms: modified_ms(&metadata).map_err(|error| unreadable(name, error))?,
                name: shown(name),
                size: metadata.len(),
                path,
            })),
            Ok(_) => Ok(None),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(unreadable(name, error)),
        }
    }
}

fn shown(name: &Path) -> String {
    let mut shown = String::new();
    for part in name.as_os_str().as_encoded_bytes().utf8_chunks() {
        shown += part.valid();
        shown.extend(part.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    shown
}

pub(super) fn modified_ms(metadata: &Metadata) -> io::Result<i64> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH);
    Ok(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}

/// Whether the error says that there is nothing; any other may pass.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What became of looking at `name`: `Invalid` if no time will mend it, else `Unavailable`.
pub(super) fn unreadable(name: &Path, error: io::Error) -> Error {
    let name = name.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Error::invalid(format!(
            "cannot read `{name}`: whoever runs azud needs the right to"
        )),
        ErrorKind::NotADirectory => Error::invalid(format!(
            "cannot read `{name}`: a folder is needed in its place"
        )),
        _ => Error::unavailable(format!("cannot read `{name}`")),
    }
    .because(error)
}
