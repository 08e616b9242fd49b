//! What a running pipeline is asked from outside, by the admin endpoint and the CLI.
//!
//! ```text
//! Control        where the run is: starting, running, ended; what it tells of itself    handle.rs
//!   -> Running   what can be asked of it, and its plugins by name                       running.rs
//!      reload    other versions of plugins take over         -> swap                    reload.rs
//!      shadow    a version runs beside the one that serves   -> swap                    shadow.rs
//!      change    another manifest takes over                 -> change                  change.rs
//! ```
//!
//! A reload or a change has to itself what else would change the run, until it is known what it
//! comes to: `Swaps::reserve`. Replays (`replay/ask.rs`) and taps (`tap/open.rs`) are asked of
//! `Control`, too, and kept where they are done.

mod change;
mod error;
mod handle;
mod reload;
mod running;
mod shadow;

pub use error::ControlError;
pub use handle::Control;
pub use reload::{Component, Reload, Reloaded};
pub(crate) use running::Running;
pub use shadow::Shadowed;
