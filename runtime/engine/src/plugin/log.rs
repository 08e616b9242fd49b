//! What a plugin logs, on its way to the pipeline's log: it says whose it is, and is not too much.

mod budget;
mod left_out;

use std::sync::Arc;

use azud_model::{Clock, SystemClock};
use azud_sandbox::{Level, Logger, Plugin};

use budget::Budget;
pub(crate) use left_out::LeftOut;

/// The target of a plugin's lines in the log. They have the fields `pipeline`, `node` and `version`,
/// the first digits of the sha256 of the component that wrote them; one that tells how many lines are
/// not there has `left_out` in place of the version.
pub const PLUGIN_LOG: &str = "plugin";

/// As much of a digest as tells two apart.
const VERSION: usize = 12;

/// The log of a node, which its lanes, and all versions of its plugin, write into.
pub(crate) struct NodeLog {
    pipeline: String,
    node: String,
    budget: Budget,
}

/// The same for one version.
struct VersionLog {
    log: Arc<NodeLog>,
    version: String,
}

// === impl NodeLog ===

impl NodeLog {
    /// Of a node, whose lanes and versions write at most `rate` lines a second together.
    pub(crate) fn new(pipeline: &str, node: &str, rate: u32) -> Self {
        Self::by(Arc::new(SystemClock::new()), pipeline, node, rate)
    }

    fn by(clock: Arc<dyn Clock>, pipeline: &str, node: &str, rate: u32) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            node: node.to_owned(),
            budget: Budget::new(rate, clock),
        }
    }

    /// The node's name.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// What an instance of a version writes into.
    pub(crate) fn of(self: &Arc<Self>, plugin: &Plugin) -> Arc<dyn Logger> {
        let digest = plugin.digest();
        Arc::new(VersionLog {
            log: self.clone(),
            version: digest.get(..VERSION).unwrap_or(digest).to_owned(),
        })
    }

    /// Tells how many lines were left out, unless whoever writes next does so.
    fn tell_settled(&self) {
        self.tell(self.budget.settled());
    }

    /// Tells how many lines were left out.
    fn tell_rest(&self) {
        self.tell(self.budget.rest());
    }

    fn tell(&self, left_out: u64) {
        let lines = match left_out {
            0 => return,
            1 => "line",
            _ => "lines",
        };
        tracing::warn!(
            target: PLUGIN_LOG,
            pipeline = self.pipeline,
            node = self.node,
            left_out,
            "{left_out} {lines} left out: at most {} a second (limits: log_rate)",
            self.budget.rate()
        );
    }
}

/// What was left out at last is told, too.
impl Drop for NodeLog {
    fn drop(&mut self) {
        self.tell_rest();
    }
}

// === impl VersionLog ===

impl Logger for VersionLog {
    fn takes(&self, level: Level) -> bool {
        // What nobody wants is not left out.
        if !is_wanted(level) {
            return false;
        }
        let Some(left_out) = self.log.budget.take() else {
            return false;
        };
        self.log.tell(left_out);
        true
    }

    fn log(&self, level: Level, line: &str) {
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    target: PLUGIN_LOG,
                    pipeline = self.log.pipeline,
                    node = self.log.node,
                    version = self.version,
                    "{line}"
                )
            };
        }
        match level {
            Level::Debug => log!(debug),
            Level::Info => log!(info),
            Level::Warn => log!(warn),
            Level::Error => log!(error),
        }
    }
}

/// Whether lines of a level are written at all.
fn is_wanted(level: Level) -> bool {
    match level {
        Level::Debug => tracing::enabled!(target: PLUGIN_LOG, tracing::Level::DEBUG),
        Level::Info => tracing::enabled!(target: PLUGIN_LOG, tracing::Level::INFO),
        Level::Warn => tracing::enabled!(target: PLUGIN_LOG, tracing::Level::WARN),
        Level::Error => tracing::enabled!(target: PLUGIN_LOG, tracing::Level::ERROR),
    }
}
