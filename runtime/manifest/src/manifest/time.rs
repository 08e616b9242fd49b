//! Event time.

use azud_model::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Spanned;

/// Which column says when something happened, and how far behind rows may come: what is
/// older is late.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// A column of type timestamp.
    #[schemars(with = "String", length(min = 1))]
    pub column: Spanned<String>,
    /// How much later than the latest row one may come before it is late; default: 0s.
    #[schemars(with = "Option<Duration>")]
    pub delay: Option<Spanned<Duration>>,
    /// A source that gives nothing for so long holds up no watermark until it does again; without
    /// it, or with `trigger: once`, one waits for ever.
    #[schemars(with = "Option<Duration>")]
    pub idle: Option<Spanned<Duration>>,
    /// Rows that are further ahead of the clock do not move the watermark; no limit unless said.
    #[schemars(with = "Option<Duration>")]
    pub max_ahead: Option<Spanned<Duration>>,
}

/// What becomes of open windows when all sources have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AtEnd {
    /// They are closed: their results are final. A later run finds rows up to then late.
    #[default]
    Close,
    /// They stay in the state, for a later run to go on with.
    Keep,
}
