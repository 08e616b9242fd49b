//! Where a pipeline keeps what it needs to go on after a crash.

use std::num::NonZeroUsize;

use azud_model::Duration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Spanned;

/// Where epochs are recorded, and how often: without one a crash loses what was not committed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// A folder, relative to the manifest: `./state`; or `s3://bucket/prefix`, which the `AWS_*`
    /// variables of the environment describe. Nobody else writes to it.
    #[schemars(with = "String", length(min = 1))]
    pub to: Spanned<String>,
    /// With trigger `continuous`: how often an epoch ends, at least 1ms; default: 1s.
    #[schemars(with = "Option<Duration>")]
    pub every: Option<Spanned<Duration>>,
    /// How many epochs are kept for `azud state`, at least 2; default: 10.
    #[schemars(range(min = 2))]
    pub retain: Option<NonZeroUsize>,
}
