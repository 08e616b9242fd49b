//! The step's `config:`.

use std::collections::BTreeMap;

/// Where to post, and how. `README.md` has the table.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// `http://` or `https://`, host, port, path and query.
    pub(crate) url: String,
    /// Headers of every request.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The name of a secret, sent as `authorization: Bearer ...`.
    pub(crate) bearer: Option<String>,
    /// Headers whose values are secrets: header to the secret's name.
    #[serde(default)]
    pub(crate) secret_headers: BTreeMap<String, String>,
    /// The most bytes of a request's body.
    #[serde(default = "max_bytes")]
    pub(crate) max_bytes: usize,
    /// How long a request may take in all, in milliseconds.
    #[serde(default = "timeout")]
    pub(crate) timeout: u32,
}

fn max_bytes() -> usize {
    1 << 20
}

fn timeout() -> u32 {
    10_000
}
