//! The log of a pipeline, as people and programs read it.
//!
//! Lines in JSON are held against their exact fields; a plugin that floods the log, against how often
//! it wrote. The plugin is the hostile one of `tests/evil/guest`, as in `tests/swaps`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

#[path = "../swaps/components.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod components;
mod floods;
mod formats;
mod lines;
#[path = "../swaps/pipeline.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod pipeline;
mod plugins;
mod swaps;
mod unread;
