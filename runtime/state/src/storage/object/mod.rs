//! A checkpoint in a bucket of an object store.

mod failure;
mod s3;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azud_model::{Error, Result};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};

use self::failure::{Failure, failure};
use super::{Listed, Storage};

/// How long a request may take, but for its bytes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The slowest that bytes may go: a second for so many.
const SLOWEST: u64 = 1 << 20;

/// A bucket, or what in it starts with a prefix.
#[derive(Clone, Debug)]
pub struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    /// `s3://bucket/prefix`
    url: String,
    prefix: String,
    /// What a person should know where nothing answers.
    hint: Option<&'static str>,
    patience: Duration,
}

// === impl ObjectStorage ===

impl ObjectStorage {
    /// Everything in a store: for tests, and for programs that have one of their own. It
    /// must support `PutMode::Create` and `PutMode::Update`. `url` is what people are told.
    pub fn new(store: Arc<dyn ObjectStore>, url: &str) -> Self {
        Self {
            store,
            url: url.to_owned(),
            prefix: String::new(),
            hint: None,
            patience: PATIENCE,
        }
    }

    fn path(&self, name: &str) -> Result<Path> {
        let path = match (self.prefix.as_str(), name) {
            ("", name) => Path::parse(name),
            (prefix, "") => Path::parse(prefix),
            (prefix, name) => Path::parse(format!("{prefix}/{name}")),
        };
        path.map_err(|error| {
            Error::invalid(format!("`{}` is no name for an object", self.place(name)))
                .because(error)
        })
    }

    /// Waits for an answer, as long as `bytes` may need.
    async fn answer<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failure> {
        let limit = self.patience + Duration::from_secs(bytes / SLOWEST);
        match tokio::time::timeout(limit, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Unavailable(format!(
                "no answer within {} ms",
                limit.as_millis()
            ))),
        }
    }

    async fn write(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<(), Failure> {
        let path = self
            .path(name)
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let size = bytes.len() as u64;
        let put = self.store.put_opts(&path, bytes.into(), mode.into());
        self.answer(size, put).await.map(drop)
    }

    /// The bytes of an object, and which version of it they are.
    async fn read(&self, name: &str) -> Result<Option<(Bytes, UpdateVersion)>> {
        let path = self.path(name)?;
        let found = match self.answer(0, self.store.get(&path)).await {
            Ok(found) => found,
            Err(Failure::NotFound(_)) => return Ok(None),
            Err(failure) => return Err(self.error("read", name, failure)),
        };
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let size = found.meta.size;
        let bytes = self.answer(size, found.bytes()).await;
        let bytes = bytes.map_err(|failure| self.error("read", name, failure))?;
        // A read that was cut is continued, which a store without `Range` begins again.
        if bytes.len() as u64 != size {
            let why = format!("{} bytes came instead of {size}", bytes.len());
            return Err(self.error("read", name, Failure::Unavailable(why)));
        }
        Ok(Some((bytes, version)))
    }

    fn error(&self, what: &str, name: &str, failure: Failure) -> Error {
        let place = self.place(name);
        let cannot = format!("cannot {what} `{place}`");
        match failure {
            Failure::Unavailable(why) => match self.hint {
                Some(hint) => Error::unavailable(format!("{cannot}: {why}; {hint}")),
                None => Error::unavailable(format!("{cannot}: {why}")),
            },
            Failure::NotFound(why)
            | Failure::Exists(why)
            | Failure::Changed(why)
            | Failure::Refused(why) => Error::invalid(format!("{cannot}: {why}")),
        }
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let written = self.write(name, bytes, PutMode::Overwrite).await;
        written.map_err(|failure| self.error("write", name, failure))
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<bool> {
        match self.write(name, bytes, PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(Failure::Exists(_) | Failure::Changed(_)) => Ok(false),
            Err(failure) => Err(self.error("write", name, failure)),
        }
    }

    async fn replace(&self, name: &str, before: &Bytes, bytes: Bytes) -> Result<bool> {
        let version = match self.read(name).await? {
            Some((there, version)) if there == *before => version,
            _ => return Ok(false),
        };
        match self.write(name, bytes, PutMode::Update(version)).await {
            Ok(()) => Ok(true),
            Err(Failure::Exists(_) | Failure::Changed(_) | Failure::NotFound(_)) => Ok(false),
            Err(failure) => Err(self.error("write", name, failure)),
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.read(name).await?.map(|(bytes, _)| bytes))
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let path = self.path(folder)?;
        let listed = self.store.list_with_delimiter(Some(&path));
        let listed = self.answer(0, listed).await;
        let listed = listed.map_err(|failure| self.error("list", folder, failure))?;
        let mut all = Vec::with_capacity(listed.objects.len());
        for object in listed.objects {
            // Consoles make empty objects for folders.
            if let Some(name) = object.location.filename()
                && object.location != path
            {
                all.push(Listed {
                    name: name.to_owned(),
                    bytes: object.size,
                });
            }
        }
        Ok(all)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.answer(0, self.store.delete(&path)).await {
            Ok(()) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(self.error("remove", name, failure)),
        }
    }

    fn place(&self, name: &str) -> String {
        match name {
            "" => self.url.clone(),
            name => format!("{}/{name}", self.url),
        }
    }
}
