//! The sink in a bucket: `file: { path: "s3://bucket/prefix" }`, layout `table`.
//!
//! Objects cannot be renamed, so what a lane has *prepared* is an upload in parts that is
//! not completed: the commit completes it, and the object is there at once and whole.
//! Names are those of the local sink; beside them lie
//!
//! ```text
//! _azud/<epoch>.json    what an epoch committed, as in a folder
//! _azud/owner.json      whose the place is: run, generation, the last epoch whose commit was begun
//! _azud/uploads/...     a marker an upload, from before its first part until after its commit
//! _azud/reset-<n>/...   what was put aside
//! ```
//!
//! **Uploads** are in no listing of objects, which is why each has a marker: a start finds
//! by them what earlier starts have left, and gives up what was never recorded.
//!
//! **Owners**: every start writes `owner.json` over the version that it has read, and again
//! before each commit. Where another start came between, the store refuses that, and the
//! older one stops: before it has shown anything. What it may still be doing then is the
//! commit of a recorded epoch, which the newer one does as well, from the same uploads.
//! A start rolls back uploads of earlier starts only, and of two that come at once the
//! checkpoint's generation says which is right.

mod aside;
mod commit;
mod each;
mod lists;
mod look;
mod make;
mod owner;
mod place;
mod recover;
mod sink;
mod token;
mod upload;
mod writer;

pub(crate) use make::make;

#[cfg(test)]
mod tests;
