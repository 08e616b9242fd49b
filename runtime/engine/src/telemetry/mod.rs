//! What a run measures while it runs, for whoever watches it.
//!
//! ```text
//! lanes, readers, plugins, the coordinator        atomics, once a batch, a call or an epoch
//!   -> Telemetry      what outlives attempts and manifests      measured.rs
//!   -> Observed       what is shown of it: `azud status`        observed.rs
//!   -> Page           the same as families of metrics           collect.rs, page.rs
//! ```
//!
//! No lane takes a lock to count. Where a figure is known elsewhere it is read there when somebody
//! asks, and not kept twice.

mod collect;
mod ending;
mod epochs;
mod event_time;
mod families;
mod histogram;
mod measured;
mod node;
mod observed;
mod page;
mod phase;
mod plugin;
mod queue;
mod source;
mod under_way;

pub(crate) use measured::{Telemetry, Wired};
pub use observed::{NodeObserved, Observed, PluginCalls, Queued, RowCounts};
pub use phase::Readiness;
pub(crate) use phase::Standstill;
pub(crate) use plugin::{MeterCell, PluginMeter};
pub(crate) use queue::{Queue, Waiting};
pub(crate) use source::SourceMeter;
pub(crate) use under_way::LaneMeter;
