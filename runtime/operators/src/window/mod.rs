//! Windows of event time: which ones a row is in, what comes too late for them, and
//! aggregates over them.

mod aggregate;
mod expand;
mod inner_keys;
mod late;
mod session;
mod session_starts;
mod slide;
mod windows;

/// Groups that are written anew at once: chunks of a memory are not merged beyond a size.
const PIECE_GROUPS: usize = 1 << 20;

pub use aggregate::WindowAggregate;
pub use expand::ExpandWindows;
pub use late::{LateFilter, LateRows};
pub use session::SessionAggregate;
pub use session_starts::SessionStarts;
pub use windows::Windows;
