//! One run at a time writes to a place: each removes what it finds in the hidden folder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that is locked until this is dropped, and removed then.
/// The system unlocks that of a run that dies.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Unlocked once it is closed.
    _file: File,
}

// === impl Lock ===

impl Lock {
    /// Locks a file that is made for it; `None` if another run has it.
    pub(super) fn take(path: PathBuf) -> io::Result<Option<Self>> {
        loop {
            let mut options = File::options();
            let file = options
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    tracing::warn!("{}: no locks here: {error}", path.display());
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever had it may have removed it meanwhile: then it keeps nobody out.
            if is_at(&file, &path)? {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }

    /// Whether a run has the lock now.
    pub(super) fn is_taken(path: &Path) -> bool {
        let file = File::options().write(true).open(path);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            // An empty file that nobody has locked is in nobody's way.
            tracing::debug!("{}: not removed: {error}", self.path.display());
        }
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((own.dev(), own.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
