//! A folder where several plugins keep what cargo compiled.
//!
//! Two packages of the same name have the same files there, and cargo cannot tell
//! them apart: one builds at a time, and what the last one left is not taken for
//! the work of another.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::{BuildError, files::lock, package::Package};

/// The folder, for one build.
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    /// Locked; has the folder of the package that was built last.
    last: File,
}

// === impl Shared ===

impl Shared {
    /// Waits until no other build is in it.
    pub(crate) fn lock(folder: &Path) -> Result<Self, BuildError> {
        // Cargo would take it as relative to the package.
        let folder = std::path::absolute(folder).map_err(BuildError::file("find", folder))?;
        fs::create_dir_all(&folder).map_err(BuildError::place(&folder))?;
        let last = lock(&folder.join("azud.lock"), &folder)?;
        Ok(Self { folder, last })
    }

    /// Answers whether this package was the last to be built, and to its end:
    /// then cargo may go by the times of files.
    pub(crate) fn begin(&mut self, package: &Package) -> bool {
        let mut last = Vec::new();
        let same = self.last.read_to_end(&mut last).is_ok()
            && last == package.folder.as_os_str().as_encoded_bytes();
        // If it cannot be emptied, it cannot be trusted.
        self.last.set_len(0).is_ok() && same
    }

    /// What is there now is this package's.
    pub(crate) fn end(&mut self, package: &Package) {
        let written = self.last.rewind().and_then(|()| {
            self.last
                .write_all(package.folder.as_os_str().as_encoded_bytes())
        });
        if written.is_err() {
            // The next build trusts nothing, and takes a little longer.
            let _ = self.last.set_len(0);
        }
    }
}
