//! A checkpoint in a bucket of an object store.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use azud_model::Result;
use azud_object::{Bucket, BucketUrl, Condition, Store};
use bytes::Bytes;

use super::{Listed, Storage};

/// A bucket, or what in it starts with a prefix.
#[derive(Clone, Debug)]
pub struct ObjectStorage {
    bucket: Bucket,
}

// === impl ObjectStorage ===

impl ObjectStorage {
    /// Everything in a store: for tests, and for programs that have one of their own. It
    /// must support `PutMode::Create` and `PutMode::Update`. `url` is what people are told.
    pub fn new(store: Arc<dyn Store>, url: &str) -> Self {
        Self {
            bucket: Bucket::new(store, url),
        }
    }

    /// A bucket of S3; nothing is asked of it yet.
    ///
    /// # Errors
    /// `Invalid` if the `AWS_*` variables of the environment contradict themselves.
    pub fn s3(url: &BucketUrl) -> Result<Self> {
        let bucket = Bucket::s3(url)?;
        Ok(Self { bucket })
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let put = self.bucket.put(name, bytes, Condition::Always).await;
        put.map(drop)
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<bool> {
        let put = self.bucket.put(name, bytes, Condition::New).await;
        Ok(put?.is_some())
    }

    async fn replace(&self, name: &str, before: &Bytes, bytes: Bytes) -> Result<bool> {
        let version = match self.bucket.get(name).await? {
            Some((there, version)) if there == *before => version,
            _ => return Ok(false),
        };
        let put = self.bucket.put(name, bytes, Condition::Over(version)).await;
        Ok(put?.is_some())
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.bucket.get(name).await?.map(|(bytes, _)| bytes))
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let listed = self.bucket.list(folder).await?.into_iter();
        let listed = listed.map(|object| Listed {
            name: object.name,
            bytes: object.bytes,
        });
        Ok(listed.collect())
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.bucket.delete(name).await
    }

    fn place(&self, name: &str) -> String {
        self.bucket.place(name)
    }
}
