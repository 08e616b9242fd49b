//! Where a checkpoint is: a local folder, or a bucket of an object store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_connect::LocalDisk;
use azud_model::{Error, Result};

use crate::{LocalStorage, ObjectStorage, Storage};

/// Where a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A local folder.
    Folder(PathBuf),
    /// A bucket of an object store.
    Url(BucketUrl),
}

/// `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    /// The bucket's name.
    pub bucket: String,
    /// What all names in it start with, without a slash at either end; may be empty.
    pub prefix: String,
}

// === impl Location ===

impl Location {
    /// A path, relative to `directory`, or a URL `s3://bucket/prefix`.
    ///
    /// # Errors
    /// `Invalid` for a URL of another store, or one that names no bucket.
    pub fn new(text: &str, directory: &Path) -> Result<Self> {
        match text.split_once("://") {
            Some(("s3", rest)) => BucketUrl::new(text, rest).map(Self::Url),
            Some((scheme, _)) => Err(Error::invalid(format!(
                "a checkpoint on `{scheme}://` is not possible: write a local path, or \
                 `s3://bucket/prefix` for whatever speaks S3"
            ))),
            None => Ok(Self::Folder(directory.join(text).components().collect())),
        }
    }

    /// The place itself; nothing is asked of it yet.
    ///
    /// # Errors
    /// `Invalid` if the `AWS_*` variables of the environment contradict themselves.
    pub fn storage(&self) -> Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::Folder(folder) => {
                Arc::new(LocalStorage::new(Arc::new(LocalDisk), folder.clone()))
            }
            Self::Url(url) => Arc::new(ObjectStorage::s3(url)?),
        })
    }

    /// The local folder, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Url(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Url(url) => write!(f, "{url}"),
        }
    }
}

// === impl BucketUrl ===

impl BucketUrl {
    fn new(text: &str, rest: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(format!(
                "`{text}` is no place for a checkpoint: {why}; write `s3://bucket/prefix`"
            ))
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("it names no bucket"));
        }
        // A key pair has no place in a manifest, nor has a port: both are the environment's.
        let fits =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !bucket.chars().all(|letter| fits(letter) || letter == '.') {
            return Err(wrong(
                "a bucket's name has lower-case letters, digits, `-` and `.` only",
            ));
        }
        let prefix = prefix.trim_end_matches('/');
        if prefix.contains(['?', '#']) {
            return Err(wrong("it takes no options"));
        }
        if object_store::path::Path::parse(prefix).is_err() {
            return Err(wrong(
                "a part of the prefix is empty, `.` or `..`, or has letters that a URL encodes",
            ));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        match self.prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(text: &str) -> Result<Location> {
        Location::new(text, Path::new("/here"))
    }

    #[test]
    fn paths_and_buckets() {
        let folder = new("state").unwrap();
        assert_eq!(folder.folder(), Some(Path::new("/here/state")));
        for (text, bucket, prefix) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://my-bucket.eu/a/b/", "my-bucket.eu", "a/b"),
        ] {
            let found = new(text).unwrap();
            let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
            assert_eq!(found, Location::Url(BucketUrl { bucket, prefix }));
            assert_eq!(found.to_string(), text.trim_end_matches('/'));
            assert_eq!(found.folder(), None);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("gs://b/p", "`s3://bucket/prefix` for whatever speaks S3"),
            ("s3:///p", "it names no bucket"),
            ("s3://key:secret@b/p", "lower-case letters"),
            ("s3://b/a//c", "a part of the prefix is empty"),
            ("s3://b/../c", "a part of the prefix is empty"),
            ("s3://b/a?region=x", "it takes no options"),
        ] {
            let error = new(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
