//! The steps of a commit: each is whole or not at all, and a crash may come between any two.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use azud_connect::{Disk as _, LocalDisk, fault_point};
use fs_err::{self as fs, File};

/// Changes a disk, one step after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    /// What tests see of it, and where they stop it.
    #[cfg(test)]
    pub(super) probe: super::probe::Probe,
}

// === impl Steps ===

impl Steps {
    /// Makes a folder and those above it, and their names durable.
    pub(super) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.step("make", folder)?;
        LocalDisk.make_folder(folder)
    }

    /// Makes a folder that is synced under another name.
    pub(super) fn make_hidden(&self, folder: &Path) -> io::Result<()> {
        self.step("make", folder)?;
        fs::create_dir_all(folder)
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync(&self, folder: &Path) -> io::Result<()> {
        self.step("sync", folder)?;
        match folder == Path::new("") {
            true => LocalDisk.sync_folder(Path::new(".")),
            false => LocalDisk.sync_folder(folder),
        }
    }

    /// Renames, unless that was done before: idempotent.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", to)?;
        fault_point("in-commit");
        match fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound && to.exists() => {}
            other => other?,
        }
        fault_point("after-rename");
        Ok(())
    }

    /// Removes a file or a folder; no error where there is none.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove", path)?;
        let removed = match path.is_dir() && !path.is_symlink() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes a file, and makes its bytes durable.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step("create", path)?;
        let mut file = File::create(path)?;
        self.step("fill", path)?;
        file.write_all(bytes)?;
        self.step("sync", path)?;
        file.sync_all()
    }

    /// Cuts a file to a length, durably.
    pub(super) fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.step("cut", path)?;
        let file = fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        self.step("sync", path)?;
        file.sync_all()
    }

    /// The first bytes of a file in one of their own, durable.
    pub(super) fn copy(&self, from: &Path, to: &Path, bytes: u64) -> io::Result<()> {
        self.step("create", to)?;
        let mut copy = File::create(to)?;
        self.step("fill", to)?;
        let copied = io::copy(&mut File::open(from)?.take(bytes), &mut copy)?;
        if copied != bytes {
            let reason = format!("it has {copied} bytes instead of {bytes}");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
        }
        self.step("sync", to)?;
        copy.sync_all()
    }

    #[cfg(test)]
    fn step(&self, what: &'static str, path: &Path) -> io::Result<()> {
        self.probe.step(what, path)
    }

    #[cfg(not(test))]
    fn step(&self, _: &'static str, _: &Path) -> io::Result<()> {
        Ok(())
    }
}
