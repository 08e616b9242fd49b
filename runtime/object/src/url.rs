//! `s3://bucket/prefix`.

use std::fmt;

use azud_model::{Error, Result};

/// `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    /// The bucket's name.
    pub bucket: String,
    /// What all names in it start with, without a slash at either end; may be empty.
    pub prefix: String,
}

// === impl BucketUrl ===

impl BucketUrl {
    /// A place in a bucket; `None` where the text is no URL.
    ///
    /// # Errors
    /// `Invalid` for a URL of another store, or one that names no bucket. `what` is for
    /// the message: `a checkpoint`.
    pub fn parse(text: &str, what: &str) -> Result<Option<Self>> {
        match text.split_once("://") {
            Some(("s3", rest)) => Self::new(text, rest, what).map(Some),
            Some((scheme, _)) => Err(Error::invalid(format!(
                "{what} on `{scheme}://` is not possible: write a local path, or \
                 `s3://bucket/prefix` for whatever speaks S3"
            ))),
            None => Ok(None),
        }
    }

    fn new(text: &str, rest: &str, what: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(format!(
                "`{text}` is no place for {what}: {why}; write `s3://bucket/prefix`"
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
        if prefix.contains('*') {
            return Err(wrong("a pattern is not one place"));
        }
        if prefix.contains(['?', '#']) {
            return Err(wrong("it takes no options"));
        }
        if prefix.starts_with('~') {
            return Err(wrong("a bucket has no home folder, which `~` would be"));
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

    #[test]
    fn one_place_has_one_text() {
        for text in ["s3://my-bucket.eu/a/b", "s3://my-bucket.eu/a/b/"] {
            let url = BucketUrl::parse(text, "a file").unwrap().unwrap();
            assert_eq!((&*url.bucket, &*url.prefix), ("my-bucket.eu", "a/b"));
            assert_eq!(url.to_string(), "s3://my-bucket.eu/a/b");
        }
        assert_eq!(BucketUrl::parse("./out", "a file").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            (
                "gs://b/p",
                "a file on `gs://` is not possible: write a local path, or `s3://bucket/prefix`",
            ),
            (
                "s3:///p",
                "`s3:///p` is no place for a file: it names no bucket; write",
            ),
            ("s3://Key:secret@b/p", "lower-case letters"),
            ("s3://b/a//c", "a part of the prefix is empty"),
            ("s3://b/../c", "a part of the prefix is empty"),
            ("s3://b/a?region=x", "it takes no options"),
            ("s3://b/a/*.json", "a pattern is not one place"),
            ("s3://b/~/a", "a bucket has no home folder"),
        ] {
            let error = BucketUrl::parse(text, "a file").unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
