//! Where a reader of a journal is, as a checkpoint records it.

use std::path::Path;

use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};

/// A place in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// The journal's id, in hexadecimal digits: another journal in the same folder is refused.
    journal: String,
    /// The sequence number of the next record.
    pub(super) next: u64,
}

// === impl Token ===

impl Token {
    pub(super) fn new(id: u64, next: u64) -> Self {
        Self {
            journal: format!("{id:016x}"),
            next,
        }
    }

    /// Whether it is a place in the journal of this id.
    pub(super) fn is_of(&self, id: u64) -> bool {
        self.journal == format!("{id:016x}")
    }

    /// Reads a token of the journal in a folder.
    ///
    /// # Errors
    /// `Invalid` if it is none.
    pub(super) fn read(text: &str, folder: &Path) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            let folder = folder.display();
            Error::invalid(format!(
                "`{text}` is no position of the journal in {folder}"
            ))
            .because(error)
        })
    }

    pub(super) fn write(&self) -> String {
        format!(r#"{{"journal":"{}","next":{}}}"#, self.journal, self.next)
    }
}
