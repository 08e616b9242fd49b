//! What a lane has prepared: all that its commit needs.

use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::list::Listed;

/// A token: an upload that has all its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finished {
    /// The object that it becomes.
    pub(super) name: String,
    /// The store's id of the upload.
    pub(super) upload: String,
    /// The store's ids of its parts.
    pub(super) parts: Vec<String>,
    /// Its marker.
    pub(super) marker: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

// === impl Finished ===

impl Finished {
    pub(super) fn listed(&self) -> Listed {
        Listed {
            name: self.name.clone(),
            rows: self.rows,
            bytes: self.bytes,
        }
    }

    pub(super) fn token(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::internal("file: a token").because(error))
    }
}
