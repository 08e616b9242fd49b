//! A checkpoint in a local folder.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{Disk, Entry, write_new, write_whole};
use azud_model::{Error, Result};
use bytes::Bytes;

use super::{Listed, Storage};

/// A folder of a disk.
#[derive(Clone, Debug)]
pub struct LocalStorage {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Whether the folder is one of this machine's, where a file can be locked.
    locks: bool,
}

// === impl LocalStorage ===

impl LocalStorage {
    /// A folder, which is made when something is written.
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self {
            disk,
            folder,
            locks: true,
        }
    }

    /// The same on a disk without locks, such as one in memory: who owns a checkpoint
    /// there is told by generations, as on an object store.
    #[must_use]
    pub fn without_locks(mut self) -> Self {
        self.locks = false;
        self
    }

    /// Disks make wait.
    async fn blocking<T: Send + 'static>(
        &self,
        what: &'static str,
        name: &str,
        work: impl FnOnce(&dyn Disk, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (disk, path) = (self.disk.clone(), self.folder.join(name));
        let done = tokio::task::spawn_blocking(move || {
            work(disk.as_ref(), &path).map_err(|error| failed(what, &path, error))
        });
        done.await
            .map_err(|error| Error::internal("the checkpoint's disk").because(error))?
    }
}

#[async_trait]
impl Storage for LocalStorage {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.blocking("write", name, move |disk, path| {
            path.parent()
                .map_or(Ok(()), |folder| disk.make_folder(folder))?;
            write_whole(disk, path, &bytes)
        })
        .await
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<bool> {
        self.blocking("write", name, move |disk, path| {
            path.parent()
                .map_or(Ok(()), |folder| disk.make_folder(folder))?;
            match write_new(disk, path, &bytes) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    // It may be an attempt's that failed before its name was durable.
                    let folder = path.parent();
                    folder.map_or(Ok(()), |folder| disk.sync_folder(folder))?;
                    Ok(false)
                }
                written => written.map(|()| true),
            }
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.blocking("read", name, |disk, path| match disk.read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(|bytes| Some(bytes.into())),
        })
        .await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        self.blocking("read", folder, |disk, path| {
            let entries = disk.list(path)?.into_iter();
            // What a crash left of a write that never was.
            let whole = entries.filter(|entry| !entry.is_folder && !is_unfinished(entry));
            let listed = whole.map(|entry| Listed {
                name: entry.name,
                bytes: entry.bytes,
            });
            Ok(listed.collect())
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.blocking("remove", name, |disk, path| disk.remove(path))
            .await
    }

    async fn settle(&self, folder: &str) -> Result<()> {
        self.blocking("settle", folder, |disk, path| {
            for left in disk.list(path)?.iter().filter(|entry| is_unfinished(entry)) {
                disk.remove(&path.join(&left.name))?;
            }
            match disk.sync_folder(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                synced => synced,
            }
        })
        .await
    }

    fn place(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn folder(&self) -> Option<&Path> {
        self.locks.then_some(&self.folder)
    }
}

/// What a write that never ended has left.
fn is_unfinished(entry: &Entry) -> bool {
    entry.name.ends_with(".tmp")
}

/// A full disk may have room again later. Any other error of a write ends the run: what
/// a failed fsync has lost, a second one does not bring back.
fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("cannot {what} `{}`", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::unavailable(message),
        _ => Error::invalid(message),
    }
    .because(error)
}

#[cfg(test)]
mod tests {
    use azud_connect::LocalDisk;

    use super::*;

    #[tokio::test]
    async fn objects_are_whole_listed_and_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let storage = LocalStorage::new(Arc::new(LocalDisk), folder.path().join("state"));
        assert!(storage.list("epochs").await.unwrap().is_empty());
        assert_eq!(storage.get("epochs/1.json").await.unwrap(), None);
        assert!(
            storage
                .put_new("epochs/1.json", "one".into())
                .await
                .unwrap()
        );
        assert!(
            !storage
                .put_new("epochs/1.json", "two".into())
                .await
                .unwrap()
        );
        assert_eq!(storage.get("epochs/1.json").await.unwrap().unwrap(), "one");
        storage.put("epochs/1.json", "three".into()).await.unwrap();
        std::fs::write(folder.path().join("state/epochs/2.json.tmp"), "torn").unwrap();
        let listed = storage.list("epochs").await.unwrap();
        let expected = Listed {
            name: "1.json".to_owned(),
            bytes: 5,
        };
        assert_eq!(listed, [expected]);
        storage.delete("epochs/1.json").await.unwrap();
        storage.delete("epochs/1.json").await.unwrap();
        assert!(storage.list("epochs").await.unwrap().is_empty());
    }
}
