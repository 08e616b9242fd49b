//! The admin endpoint of a running pipeline, and its client.
//!
//! ```text
//! azud reload -> client -> HTTP, JSON -> routes -> azud_engine::Control -> the running pipeline
//!                                        guard     who may ask
//!                                        watched   status, metrics, readiness
//!                                        rates     rows a second of the last few
//!                                        tap       rows that pass a node
//! ```
//!
//! [`Admin`] serves on a thread of its own, so that whatever a pipeline computes does not delay
//! an answer. `docs/admin.md` has every request.

mod answers;
mod change;
mod client;
mod guard;
mod letters;
mod listener;
mod rates;
mod routes;
mod server;
mod shadow;
mod tap;
mod watched;

pub use answers::{
    Applied, BesideStatus, Changed, ChangesStatus, Ended, Failed, NodeChangeStatus, NodeStatus,
    PluginStatus, RefusedReplay, ReplayRequest, Replayed, ShadowStatus, Status, WatermarkStatus,
};
pub use change::MakePlan;
pub use client::{Client, ClientError, Sent};
pub use server::{Admin, AdminError};
pub use tap::{RATE as TAP_RATE, TapCount, TapEnded, TapLine, TapLines, TooLong};

/// Where the endpoint is unless somebody says otherwise.
pub const ADDRESS: &str = "127.0.0.1:9464";

/// The environment variable with the token that requests have to bring.
pub const TOKEN: &str = "AZUD_ADMIN_TOKEN";

/// The largest body of a request: a component has at most so many bytes.
pub(crate) const BODY: usize = 64 << 20;
