//! A bucket of an object store: S3, and whatever speaks it.
//!
//! In: names and bytes. Out: objects that are there as a whole or not at all, written on
//! condition where two may write at once, or uploaded in parts and shown when they are
//! complete. Every request has a limit, and its failure is `Unavailable`, which may pass,
//! or `Invalid`, which says what to do.
//!
//! The only crate that sees `object_store`: checkpoints and connectors share its rules.

mod bucket;
mod failure;
mod multipart;
mod s3;
mod url;

pub use bucket::{Bucket, Condition, Object, Store, Version};
pub use multipart::LARGEST_UPLOAD_PARTS;
pub use url::BucketUrl;
