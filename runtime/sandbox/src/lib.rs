//! Runs plugins: WebAssembly components that nothing is trusted of.
//!
//! ```text
//! bytes -> Plugin::load -> compiled code (cache.rs)          once a plugin
//!          Transform::open -> columns read, carried, computed   once a lane
//!          Aggregate::open -> columns of states and results     the same
//!          Keyed::open -> columns, states, timers               the same
//!
//! RecordBatch -> boundary/export.rs -> guest -> boundary/import.rs -> Processed
//!      columns read, borrowed       process      columns computed, checked
//! ```
//!
//! What flows in: a component, a configuration, a schema, batches. What flows
//! out: batches that Arrow would have made itself, the input row that each row
//! comes from, rejected rows, or a typed [`GuestError`].
//!
//! **Invariants.** A guest can fail only its own call: whatever it returns is
//! checked before it is used, no check panics, and every resource has a limit in
//! [`Limits`]. A guest sees no clock, no randomness and nothing of the machine,
//! so the same batch gives the same answer. An instance that trapped is never
//! entered again. Nothing here does I/O but loading a plugin and its cached
//! code, and nothing knows tokio. Unknown components are compiled by a process of
//! their own, which has limits too (compiler.rs).

mod aggregate;
mod bindings;
mod boundary;
mod cache;
mod compiler;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[expect(clippy::panic, reason = "what must never be is told by a panic")]
pub mod fuzzing;
mod grants;
mod host;
pub mod inspect;
mod instance;
mod keyed;
mod limits;
mod log;
mod pages;
mod plugin;
mod print;
mod sandbox;
mod schema;
mod sealed;
mod sink;
mod tick;
mod transform;
mod wasi;

pub use aggregate::Aggregate;
pub use cache::digest;
pub use compiler::{Compiler, compile_component};
pub use error::{GuestError, LoadError, OpenError};
pub use grants::{Address, Folder, Grants};
pub use keyed::{
    EVENT_TIME, Keyed, KeyedAnswer, KeyedChange, KeyedState, KeyedWork, OwnedRows, PROCESSING_TIME,
    StateKind, Timers,
};
pub use limits::Limits;
pub use log::{Level, Logger, Silent, escaped, escaped_lines, is_hidden};
pub use plugin::{Plugin, World};
pub use sandbox::{Sandbox, Settings};
pub use sink::{Flushed, Outcome, Sink};
pub use tokio_util::sync::CancellationToken;
pub use transform::{Processed, Rejected, Rows, Transform};
