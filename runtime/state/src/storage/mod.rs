//! Where a checkpoint is: names and bytes, written as a whole.

mod local;
mod object;

use async_trait::async_trait;
use azud_model::Result;
use bytes::Bytes;

pub use local::LocalStorage;
pub use object::ObjectStorage;

/// A place for objects with names like `epochs/00000000000000000007.json`.
///
/// An object is there as a whole, durably, or not at all; of two writers of one
/// name with [`Storage::put_new`] exactly one succeeds. An error of kind
/// `Unavailable` may pass: the call can be made again. Anything else will not.
#[async_trait]
pub trait Storage: std::fmt::Debug + Send + Sync {
    /// Writes an object; replaces what has that name.
    ///
    /// # Errors
    /// It is not known whether the object is there; what was there before is, otherwise.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()>;

    /// Writes an object unless one has that name; answers whether it did.
    ///
    /// # Errors
    /// As [`Storage::put`].
    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<bool>;

    /// Writes an object in place of one with exactly these bytes; answers whether it did.
    /// Of two writers that saw the same bytes exactly one succeeds, on an object store; on
    /// a disk a lock keeps others out.
    ///
    /// # Errors
    /// As [`Storage::put`].
    async fn replace(&self, name: &str, before: &Bytes, bytes: Bytes) -> Result<bool> {
        let same = self.get(name).await?.is_some_and(|there| there == *before);
        if same {
            self.put(name, bytes).await?;
        }
        Ok(same)
    }

    /// All bytes of an object; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    async fn get(&self, name: &str) -> Result<Option<Bytes>>;

    /// The objects in a folder, by name; not those in folders below.
    ///
    /// # Errors
    /// Where they cannot be listed.
    async fn list(&self, folder: &str) -> Result<Vec<Listed>>;

    /// Removes an object; no error where there is none.
    ///
    /// # Errors
    /// Where it is still there.
    async fn delete(&self, name: &str) -> Result<()>;

    /// Removes what writes to a folder that never ended have left, and makes certain that
    /// what is listed there stays: a process that was killed may have written an object
    /// that is not durable yet. Called by the owner, before it builds upon what is there.
    ///
    /// # Errors
    /// Where that is not certain.
    async fn settle(&self, folder: &str) -> Result<()> {
        let _ = folder;
        Ok(())
    }

    /// Where an object is, for a person.
    fn place(&self, name: &str) -> String;

    /// The local folder, where it is one in which a file can be locked.
    fn folder(&self) -> Option<&std::path::Path> {
        None
    }
}

/// An object in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
}
