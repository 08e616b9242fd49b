//! What is on a simulated disk, and what of that is durable.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Names and contents, live and durable.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// The names as a process sees them.
    pub(super) names: BTreeMap<PathBuf, Node>,
    /// The names that survive for sure.
    pub(super) durable: BTreeMap<PathBuf, Node>,
    /// What was done to names since their folder was synced, in order.
    pub(super) pending: Vec<Change>,
    pub(super) inodes: Vec<Inode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Folder,
}

/// One change of names in a folder.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Add(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// The shortest it has been since it was synced.
    pub(super) shortest: usize,
    /// Bytes whose sync has failed: no later sync brings them to the disk.
    pub(super) lost: Option<Range<usize>>,
}

// === impl Image ===

impl Image {
    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn bytes(&self, inode: usize) -> &[u8] {
        self.inodes
            .get(inode)
            .map_or(&[], |inode| inode.live.as_slice())
    }

    /// What all files with a name have together.
    pub(super) fn used(&self) -> u64 {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(inode) => Some(self.bytes(*inode).len() as u64),
            Node::Folder => None,
        });
        files.sum()
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        if self.names.contains_key(path) {
            let inode = self.file(path)?;
            self.truncate(inode, 0);
            return Ok(inode);
        }
        self.has_folder(path)?;
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.names.insert(path.to_owned(), Node::File(inode));
        self.pending.push(Change::Add(path.to_owned(), inode));
        Ok(inode)
    }

    pub(super) fn make_folder(&mut self, folder: &Path) -> io::Result<()> {
        for folder in folder.ancestors() {
            if matches!(self.names.get(folder), Some(Node::File(_))) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            self.names.insert(folder.to_owned(), Node::Folder);
            self.durable.insert(folder.to_owned(), Node::Folder);
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        self.has_folder(to)?;
        self.names.remove(from);
        self.names.insert(to.to_owned(), Node::File(inode));
        let (from, to) = (from.to_owned(), to.to_owned());
        match from.parent() == to.parent() {
            true => self.pending.push(Change::Rename(from, to, inode)),
            false => {
                self.pending.push(Change::Add(to, inode));
                self.pending.push(Change::Remove(from));
            }
        }
        Ok(())
    }

    /// A link and a removal, as on a real disk: a crash may leave both names.
    pub(super) fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        self.has_folder(to)?;
        if self.names.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.names.insert(to.to_owned(), Node::File(inode));
        self.pending.push(Change::Add(to.to_owned(), inode));
        self.remove(from)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.names.remove(path);
        self.pending.push(Change::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        if self.names.get(folder) != Some(&Node::Folder) {
            return Err(ErrorKind::NotFound.into());
        }
        for change in std::mem::take(&mut self.pending) {
            match change.folder() == Some(folder) {
                true => change.apply(&mut self.durable),
                false => self.pending.push(change),
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, inode: usize, bytes: &[u8]) {
        if let Some(inode) = self.inodes.get_mut(inode) {
            inode.live.extend_from_slice(bytes);
        }
    }

    pub(super) fn truncate(&mut self, inode: usize, length: usize) {
        if let Some(inode) = self.inodes.get_mut(inode) {
            inode.live.truncate(length);
            inode.shortest = inode.shortest.min(inode.live.len());
            if let Some(lost) = &mut inode.lost {
                lost.end = lost.end.min(inode.live.len());
            }
        }
    }

    pub(super) fn sync(&mut self, inode: usize, succeeds: bool) {
        let Some(inode) = self.inodes.get_mut(inode) else {
            return;
        };
        if !succeeds {
            let start = match &inode.lost {
                Some(lost) => lost.start.min(inode.shortest),
                None => inode.shortest,
            };
            inode.lost = Some(start..inode.live.len());
            return;
        }
        inode.durable.clone_from(&inode.live);
        if let Some(lost) = inode.lost.clone()
            && let Some(lost) = inode.durable.get_mut(lost)
        {
            lost.fill(0);
        }
        inode.shortest = inode.live.len();
    }

    fn has_folder(&self, path: &Path) -> io::Result<()> {
        match path.parent().and_then(|folder| self.names.get(folder)) {
            Some(Node::Folder) => Ok(()),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }
}

// === impl Change ===

impl Change {
    /// The folder whose sync makes it durable.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Remove(path) | Self::Rename(_, path, _) => path.parent(),
        }
    }

    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Add(path, inode) => {
                names.insert(path.clone(), Node::File(*inode));
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Rename(from, to, inode) => {
                if names.get(from) == Some(&Node::File(*inode)) {
                    names.remove(from);
                }
                names.insert(to.clone(), Node::File(*inode));
            }
        }
    }
}
