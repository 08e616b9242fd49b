//! Where a checkpoint is: a local folder, or a bucket of an object store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_connect::LocalDisk;
use azud_model::Result;
use azud_object::BucketUrl;

use crate::{LocalStorage, ObjectStorage, Storage};

/// Where a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A local folder.
    Folder(PathBuf),
    /// A bucket of an object store.
    Url(BucketUrl),
}

// === impl Location ===

impl Location {
    /// A path, relative to `directory`, or a URL `s3://bucket/prefix`.
    ///
    /// # Errors
    /// `Invalid` for a URL of another store, or one that names no bucket.
    pub fn new(text: &str, directory: &Path) -> Result<Self> {
        Ok(match BucketUrl::parse(text, "a checkpoint")? {
            Some(url) => Self::Url(url),
            None => Self::Folder(directory.join(text).components().collect()),
        })
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
