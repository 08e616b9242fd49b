//! What a running pipeline shows of itself: `/metrics`, `/status`, `/ready` and `azud status`, of
//! real processes, against rows that are known beforehand.
//!
//! The plugin is the hostile one of `tests/evil/guest`, as in `tests/swaps`: its versions say
//! something, or harm rows whose `n` is 7.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod ask;
#[path = "../swaps/components.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod components;
mod exact;
mod exposition;
mod families;
mod hangs;
mod lag;
#[path = "../swaps/pipeline.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod pipeline;
mod ready;
mod stdout;
mod watch;
mod watermark;
