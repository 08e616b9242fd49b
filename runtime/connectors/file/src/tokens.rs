//! What the writers of an epoch have prepared, as its commit is given it.

use azud_connect::Prepared;
use azud_model::{Error, Result};
use serde::de::DeserializeOwned;

/// The tokens of an epoch, by lane; lanes without a file have none.
///
/// # Errors
/// `Internal` if one is not of this sink.
pub(crate) fn tokens<T: DeserializeOwned>(prepared: &[Prepared]) -> Result<Vec<T>> {
    prepared
        .iter()
        .filter(|lane| !lane.token.is_empty())
        .map(|lane| {
            serde_json::from_slice(&lane.token)
                .map_err(|error| Error::internal("file: a token that is not ours").because(error))
        })
        .collect()
}
