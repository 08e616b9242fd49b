//! What a manifest says about a socket.

use azud_connect::DEFAULT_MAX_RECORD;
use azud_model::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// Reads lines from TCP connections: exactly one of `connect` and `listen`.
/// With a checkpoint, what arrived is kept in a journal on the disk, and processed when a
/// pipeline that died is started again; what had not arrived, or was on its way to the
/// disk, is lost. Without one, all that was sent and not yet processed is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SocketOptions {
    /// The server to read from: `host:port`.
    pub connect: Option<String>,
    /// The address to accept connections at: `host:port`; port 0 takes a free one.
    pub listen: Option<String>,
    /// A longer line is rejected, and not held in memory; default: 16MiB.
    pub max_line: Option<ByteSize>,
    /// With `listen`: how many connections are read at a time; default: 1024. Others wait.
    #[schemars(range(min = 1))]
    pub max_connections: Option<usize>,
}

// === impl SocketOptions ===

impl SocketOptions {
    pub(crate) fn max_line(&self) -> ByteSize {
        self.max_line.unwrap_or(DEFAULT_MAX_RECORD)
    }

    pub(crate) fn max_connections(&self) -> usize {
        self.max_connections.unwrap_or(1024).max(1)
    }
}
