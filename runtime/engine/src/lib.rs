//! The engine: a checked manifest in, a running pipeline out.
//!
//! ```text
//! Manifest -> plan     schemas, queries, plugins, sinks: everything that can be wrong is found here
//!          -> graph    output modes and exchanges: which instance runs in which stage
//!          -> run      readers and writers on tokio, lanes on threads, the coordinator of epochs
//!             telemetry  what is measured meanwhile
//!          -> control  what it is asked from outside while it runs
//!             swap     other versions of plugins take over
//!             change   another manifest does
//!             letters  dead letters, as their sinks have written them
//!          -> replay   dead letters are given to their nodes again
//!             tap      rows that pass a node, for whoever wants to look
//!             table    what does not stream: read whole, beside the rows that are joined with it
//! ```
//!
//! What [`check`] accepts, [`Plan::run`] starts. [`check_for_test`] plans a manifest without its
//! sinks, for rows that are given by hand.

mod change;
mod connectors;
mod control;
mod describe;
mod event_time;
mod graph;
mod letters;
mod plan;
mod plugin;
mod recovery;
mod replay;
mod run;
mod swap;
mod table;
mod tap;
mod telemetry;
mod why;

pub use azud_state::ReplayRow;
pub use change::{Changes, Difference, NodeChange};
pub use connectors::{CONNECTORS, manifest_connectors};
pub use control::{Component, Control, ControlError, Reload, Reloaded, Shadowed};
pub use describe::{Guarantee, NodeView, PlanView};
pub use letters::{DeadLetters, Letter, LetterSink};
pub use plan::{
    Environment, FindPlugin, LoadedPlugins, OutputShape, Plan, SourceShape, TestCheckpoint,
    TestOutput, TestPlan, check, check_for_test,
};
pub use plugin::PLUGIN_LOG;
pub use recovery::{Fit, NodeFit};
pub use replay::{ReplayAnswer, ReplayError};
pub use run::{EpochReport, NodeReport, RunOptions, Stop, TimeReport};
pub use swap::{Compared, Example};
pub use tap::{TAP_RATE, TAPS, Tap, TapError, TapOptions, TappedRow};
pub use telemetry::{NodeObserved, Observed, PluginCalls, Queued, Readiness, RowCounts};
pub use why::{Why, WhyHeld, WhyNeed, WhyPartition, WhySource, WhyStep};
