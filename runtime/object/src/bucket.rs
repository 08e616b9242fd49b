//! Requests: each with a limit, and a failure that says what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azud_model::{Error, Result};
use bytes::Bytes;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};

use crate::failure::{Failure, failure};

/// How long a request may take, but for its bytes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The slowest that bytes may go: a second for so many.
const SLOWEST: u64 = 1 << 20;

/// The largest object that is copied in one request.
const LARGEST_COPY: u64 = 5 << 30;

/// A store that also takes objects in parts.
pub trait Store: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Store for T {}

/// Objects, and the token of the next ones.
type Page = (Vec<ObjectMeta>, Option<String>);

/// A store that lists page by page.
pub(crate) trait Pages: PaginatedListStore + fmt::Debug {}

impl<T: PaginatedListStore + fmt::Debug> Pages for T {}

/// A bucket, or what in it starts with a prefix.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) store: Arc<dyn Store>,
    /// The same, where it lists page by page: each has a limit of its own.
    pub(crate) pages: Option<Arc<dyn Pages>>,
    /// `s3://bucket/prefix`
    pub(crate) url: String,
    pub(crate) prefix: String,
    /// What a person should know where nothing answers.
    pub(crate) hint: Option<&'static str>,
    pub(crate) patience: Duration,
}

/// Which of the objects that a name had is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(UpdateVersion);

/// On what condition an object is written.
#[derive(Clone, Debug)]
pub enum Condition {
    /// In any case: what has the name is replaced.
    Always,
    /// Unless something has the name.
    New,
    /// In place of this one.
    Over(Version),
}

/// An object in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name in the folder.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// What the store knows its content by.
    pub e_tag: Option<String>,
}

// === impl Bucket ===

impl Bucket {
    /// Everything in a store: for tests, and for programs that have one of their own. It
    /// must support `PutMode::Create` and `PutMode::Update`. `url` is what people are told.
    pub fn new(store: Arc<dyn Store>, url: &str) -> Self {
        Self {
            store,
            pages: None,
            url: url.to_owned(),
            prefix: String::new(),
            hint: None,
            patience: PATIENCE,
        }
    }

    /// The same, but waits so long for an answer.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where an object is, for a person; with no name, where all are.
    pub fn place(&self, name: &str) -> String {
        match name {
            "" => self.url.clone(),
            name => format!("{}/{name}", self.url),
        }
    }

    /// Writes an object; `None` if the condition does not hold.
    ///
    /// # Errors
    /// It is not known whether the object is there.
    pub async fn put(
        &self,
        name: &str,
        bytes: Bytes,
        condition: Condition,
    ) -> Result<Option<Version>> {
        let path = self.path(name)?;
        let is_update = matches!(condition, Condition::Over(_));
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::New => PutMode::Create,
            Condition::Over(Version(version)) => PutMode::Update(version),
        };
        let is_always = matches!(mode, PutMode::Overwrite);
        let size = bytes.len() as u64;
        let put = self.store.put_opts(&path, bytes.into(), mode.into());
        match self.answer(size, put).await {
            Ok(put) => Ok(Some(Version(UpdateVersion {
                e_tag: put.e_tag,
                version: put.version,
            }))),
            Err(Failure::Exists(_) | Failure::Changed(_)) if !is_always => Ok(None),
            Err(Failure::NotFound(_)) if is_update => Ok(None),
            Err(failure) => Err(self.error("write", name, failure)),
        }
    }

    /// All bytes of an object, and which one they are; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn get(&self, name: &str) -> Result<Option<(Bytes, Version)>> {
        let path = self.path(name)?;
        let found = match self.answer(0, self.store.get(&path)).await {
            Ok(found) => found,
            Err(Failure::NotFound(_)) => return Ok(None),
            Err(failure) => return Err(self.error("read", name, failure)),
        };
        let version = Version(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
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

    /// What is known of an object, without its bytes; `None` where there is none.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub async fn find(&self, name: &str) -> Result<Option<Object>> {
        let path = self.path(name)?;
        match self.answer(0, self.store.head(&path)).await {
            Ok(found) => Ok(Some(Object {
                name: name.to_owned(),
                bytes: found.size,
                e_tag: found.e_tag,
            })),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(self.error("read", name, failure)),
        }
    }

    /// The objects in a folder, by name; not those in folders below.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub async fn list(&self, folder: &str) -> Result<Vec<Object>> {
        let path = self.path(folder)?;
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(&path, after).await;
            let (objects, next) = page.map_err(|failure| self.error("list", folder, failure))?;
            for object in objects {
                // Consoles make empty objects for folders.
                if let Some(name) = object.location.filename()
                    && object.location != path
                {
                    all.push(Object {
                        name: name.to_owned(),
                        bytes: object.size,
                        e_tag: object.e_tag,
                    });
                }
            }
            match next {
                None => return Ok(all),
                next => after = next,
            }
        }
    }

    /// Some of the objects in a folder, and where the next ones are.
    async fn page(
        &self,
        folder: &Path,
        after: Option<String>,
    ) -> std::result::Result<Page, Failure> {
        let Some(pages) = &self.pages else {
            let listed = self.store.list_with_delimiter(Some(folder));
            return Ok((self.answer(0, listed).await?.objects, None));
        };
        let prefix = (!folder.as_ref().is_empty()).then(|| format!("{folder}/"));
        let options = PaginatedListOptions {
            delimiter: Some("/".into()),
            page_token: after,
            ..PaginatedListOptions::default()
        };
        let listed = pages.list_paginated(prefix.as_deref(), options);
        let listed = self.answer(0, listed).await?;
        Ok((listed.result.objects, listed.page_token))
    }

    /// Removes an object; no error where there is none.
    ///
    /// # Errors
    /// Where it is still there.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.answer(0, self.store.delete(&path)).await {
            Ok(()) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(self.error("remove", name, failure)),
        }
    }

    /// Gives an object another name; one that is gone has it already. At most 5 GiB.
    ///
    /// # Errors
    /// It has the old name, the new one or both.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (old, new) = (self.path(from)?, self.path(to)?);
        let Some(found) = self.find(from).await? else {
            return Ok(());
        };
        if found.bytes > LARGEST_COPY {
            return Err(Error::invalid(format!(
                "`{}` has {} bytes, and a store copies at most 5 GiB: move it yourself",
                self.place(from),
                found.bytes
            )));
        }
        let copied = self.answer(found.bytes, self.store.copy(&old, &new)).await;
        copied.map_err(|failure| self.error("copy", from, failure))?;
        self.delete(from).await
    }

    pub(crate) fn path(&self, name: &str) -> Result<Path> {
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
    pub(crate) async fn answer<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> std::result::Result<T, Failure> {
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

    pub(crate) fn error(&self, what: &str, name: &str, failure: Failure) -> Error {
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
