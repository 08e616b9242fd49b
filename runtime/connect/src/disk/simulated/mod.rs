//! A file system in memory whose calls can fail and whose power can be cut: for tests
//! of everything that must survive a crash.

mod crash;
mod image;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Entry};
use image::{Image, Node};

/// A file system in memory, with what is on it now and what of that is durable.
///
/// A file's bytes are durable after [`DiskFile::sync`], a name in a folder after
/// [`Disk::sync_folder`]; [`Disk::make_folder`] makes durable what it makes. Clones
/// are the same disk. As on a real disk, bytes whose sync has failed are lost, also
/// where a later sync succeeds.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// Which mutating calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// That one.
    Once,
    /// That one and all that follow: the power is off, and [`SimulatedDisk::crash`] says what is left.
    FromThenOn,
}

#[derive(Debug, Default)]
struct State {
    image: Image,
    /// How many mutating calls there were, failed ones included.
    mutations: u64,
    fault: Option<(u64, Fails, ErrorKind)>,
    capacity: Option<u64>,
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

// === impl SimulatedDisk ===

impl SimulatedDisk {
    /// An empty disk without an end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a power cut leaves now, on a disk of its own without faults: all that is
    /// durable, and of what is not a random part. Of unsynced bytes a prefix,
    /// perhaps followed by garbage; each unsynced create, rename and remove has
    /// happened or not. The same `seed` leaves the same. This disk stays as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.state();
        let left = State {
            image: state.image.crash(seed),
            capacity: state.capacity,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(left)),
        }
    }

    /// How many mutating calls there were: creates, writes, syncs, truncations,
    /// renames, removals, folders made or synced. Calls that failed count.
    #[must_use]
    pub fn mutations(&self) -> u64 {
        self.state().mutations
    }

    /// The mutating call with this number, from 0 on as [`SimulatedDisk::mutations`]
    /// counts, fails with an error of this kind. A write that fails has written half.
    pub fn fail_at(&self, call: u64, fails: Fails, kind: ErrorKind) {
        self.state().fault = Some((call, fails, kind));
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// How many bytes all files together may have; `None`: any number. A write of
    /// more writes what fits and fails with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// How many bytes all files together have.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().image.used()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = state.image.file(path)?;
        Ok(state.image.bytes(inode).to_vec())
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = state.image.file(path)?;
        let bytes = state.image.bytes(inode).iter();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(bytes.skip(offset).take(length).copied().collect())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        let mut found: Vec<Entry> = state
            .image
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder))
            .filter_map(|(path, node)| {
                Some(Entry {
                    name: path.file_name()?.to_string_lossy().into_owned(),
                    bytes: match node {
                        Node::File(inode) => state.image.bytes(*inode).len() as u64,
                        Node::Folder => 0,
                    },
                    is_folder: *node == Node::Folder,
                })
            })
            .collect();
        found.sort();
        Ok(found)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.mutate()?;
        let inode = state.image.create(path)?;
        Ok(self.opened(inode))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.state().image.file(path)?;
        Ok(self.opened(inode))
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.image.names.get(folder) == Some(&Node::Folder) {
            return Ok(());
        }
        state.mutate()?;
        state.image.make_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.mutate()?;
        state.image.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.mutate()?;
        state.image.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.image.names.contains_key(path) {
            return Ok(());
        }
        state.mutate()?;
        state.image.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.mutate()?;
        state.image.sync_folder(folder)
    }
}

impl SimulatedDisk {
    fn opened(&self, inode: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            disk: self.clone(),
            inode,
        })
    }
}

// === impl State ===

impl State {
    /// Counts a mutating call, which may be the one that fails.
    fn mutate(&mut self) -> io::Result<()> {
        let call = self.mutations;
        self.mutations += 1;
        match self.fault {
            Some((at, Fails::Once, kind)) if call == at => Err(injected(kind)),
            Some((at, Fails::FromThenOn, kind)) if call >= at => Err(injected(kind)),
            _ => Ok(()),
        }
    }
}

fn injected(kind: ErrorKind) -> io::Error {
    io::Error::new(kind, format!("injected: {kind}"))
}

// === impl SimulatedFile ===

impl DiskFile for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let faulty = state.mutate();
        let used = state.image.used();
        let room = state
            .capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(used));
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let taken = match faulty {
            Ok(()) => bytes.len().min(room),
            Err(_) => (bytes.len() / 2).min(room),
        };
        let written = bytes.get(..taken).unwrap_or_default();
        state.image.write(self.inode, written);
        faulty?;
        match taken < bytes.len() {
            true => Err(io::Error::new(ErrorKind::StorageFull, "no space left")),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let done = state.mutate();
        state.image.sync(self.inode, done.is_ok());
        done
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.mutate()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        state.image.truncate(self.inode, length);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.disk.state().image.bytes(self.inode).len() as u64
    }
}

#[cfg(test)]
mod tests;
