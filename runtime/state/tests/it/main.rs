//! A checkpoint on a disk that fails: the power is cut at every call that changes it, it
//! is full, broken, read-only; and what was acknowledged is there.
//!
//! `AZUD_FAULTS=all` tries everything at every call; without it, a part.

#![expect(clippy::unwrap_used, reason = "a test")]

mod crash;
mod full;
mod model;
mod script;
mod source;

/// How many of `all` seeds are tried at each call.
fn seeds(all: u64) -> std::ops::Range<u64> {
    match std::env::var("AZUD_FAULTS").as_deref() {
        Ok("all") => 0..all,
        _ => 0..all.div_ceil(4),
    }
}
