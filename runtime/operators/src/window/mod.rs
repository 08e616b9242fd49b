//! Windows of event time: which ones a row is in, what comes too late for them, and
//! aggregates over them.

mod aggregate;
mod late;
mod merge;
mod slide;
mod windows;

pub use aggregate::WindowAggregate;
pub use late::{LateFilter, LateRows};
pub use windows::Windows;
