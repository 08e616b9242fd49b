//! What a running pipeline is asked from outside, by the admin endpoint and the CLI.

mod handle;

pub(crate) use handle::Running;
pub use handle::{Component, Control, Reload, ReloadError, Reloaded, Shadowed};
