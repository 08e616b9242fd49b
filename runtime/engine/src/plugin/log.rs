//! What a plugin logs, on its way to the pipeline's log.

use std::sync::Arc;

use azud_sandbox::{Level, Logger};

/// Tags a plugin's lines with its node.
#[derive(Debug)]
pub(crate) struct NodeLogger {
    pub(crate) node: Arc<str>,
}

impl Logger for NodeLogger {
    fn log(&self, level: Level, line: &str) {
        let node = &self.node;
        match level {
            Level::Debug => tracing::debug!("{node}: {line}"),
            Level::Info => tracing::info!("{node}: {line}"),
            Level::Warn => tracing::warn!("{node}: {line}"),
            Level::Error => tracing::error!("{node}: {line}"),
        }
    }
}
