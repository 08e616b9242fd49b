//! The file system, as far as durable work needs it: what must survive a crash goes
//! through a [`Disk`], so that tests can fill it, break it and cut its power.

mod local;
mod simulated;

use std::fmt::Debug;
use std::io;
use std::path::Path;

pub use local::LocalDisk;
pub use simulated::{Fails, SimulatedDisk};

/// A file system. Calls block; none of them may be made on the I/O threads.
pub trait Disk: Debug + Send + Sync {
    /// All bytes of a file.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// At most `length` bytes from `offset` on: fewer only at the file's end.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// What is in a folder, by name; nothing where there is no folder.
    ///
    /// # Errors
    /// Where it cannot be told what is there.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// A new file, or an old one emptied. Its name is durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// Where it cannot be made.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there, to be written to at its end.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a folder and those above it, and their names durable.
    ///
    /// # Errors
    /// Where it cannot be made.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name; a file that had it is gone. Durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// `NotFound` where there is nothing to rename.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// As [`Disk::rename`], but never replaces a file: of two that do it at once, one fails.
    ///
    /// # Errors
    /// `AlreadyExists` where a file has that name.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; no error where there is none.
    ///
    /// # Errors
    /// Where it is still there.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// Where that is not known: nothing may be built upon it then.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file that is open for writing.
pub trait DiskFile: Debug + Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Some of the bytes may have been added: [`DiskFile::truncate`] takes them back.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all bytes durable.
    ///
    /// # Errors
    /// What was written since the last success may be lost, also where a later
    /// call succeeds: nobody may try again and trust it.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length.
    ///
    /// # Errors
    /// Where it is longer still.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// How many bytes it has.
    fn bytes(&self) -> u64;
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// A file's length; 0 for a folder.
    pub bytes: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Writes a file as a whole: it is there with all its bytes, durably, or not at all.
///
/// # Errors
/// Nothing has changed then, but that a file `<path>.tmp` may be left.
pub fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let hidden = write_hidden(disk, path, bytes)?;
    disk.rename(&hidden, path)?;
    path.parent()
        .map_or(Ok(()), |folder| disk.sync_folder(folder))
}

/// The same, unless the file is there.
///
/// # Errors
/// `AlreadyExists` if it is.
pub fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let hidden = write_hidden(disk, path, bytes)?;
    disk.rename_new(&hidden, path)?;
    path.parent()
        .map_or(Ok(()), |folder| disk.sync_folder(folder))
}

fn write_hidden(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<std::path::PathBuf> {
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".tmp");
    let hidden = std::path::PathBuf::from(hidden);
    // Not emptied: where `rename_new` stopped halfway, it is the file at `path` as well.
    disk.remove(&hidden)?;
    let mut file = disk.create(&hidden)?;
    file.write(bytes)?;
    file.sync()?;
    Ok(hidden)
}
