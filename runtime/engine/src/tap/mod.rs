//! Taps: rows that pass a node while it runs, for whoever wants to look.
//!
//! ```text
//! lane -> Point     where rows leave a node, or enter a sink: one look at a flag a batch   point.rs, slot.rs
//!           -> Feed one tap: counts what passes, picks rows by its pace, shows them        feed.rs, pace.rs, row.rs
//!                -> Tap  whoever looks; a bounded channel that no lane waits for           open.rs
//! Taps      all points by name, and how many taps are open                                 taps.rs
//! ```
//!
//! Points outlive attempts and plans, as names do: a tap goes on through a rollback, another version
//! of a plugin, and another manifest in which its node still is.

mod feed;
mod open;
mod pace;
mod point;
mod row;
mod slot;
mod taps;

pub use open::{Tap, TapError, TapOptions, TappedRow};
pub(crate) use slot::SlotTaps;
pub(crate) use taps::Taps;

/// So many taps may be open at a time.
pub const TAPS: usize = 8;

/// The most rows a second that a tap shows.
pub const TAP_RATE: u32 = 1_000;
