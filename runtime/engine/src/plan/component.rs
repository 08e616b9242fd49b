//! The component of a sink plugin, and how the one that was there before it is opened: only
//! a component that has prepared an epoch can be trusted to commit it.

use std::sync::Arc;

use azud_connect::Sink as ConnectorSink;
use azud_model::{Clock, Error, Result};
use azud_sandbox::{CancellationToken, OpenError, Plugin, Sandbox, Sink, World};

use super::sink_plugin::Need;
use crate::plugin::{Cancel, Handle, Only, PluginSink};

/// Opens a component as a node is configured.
pub(super) type OpenOne =
    Arc<dyn Fn(&Plugin, &CancellationToken) -> Result<Sink, OpenError> + Send + Sync>;

/// What a checkpoint has to know of a sink plugin.
#[derive(Clone)]
pub(crate) struct PlanComponent {
    /// The component itself, where it has transactions.
    pub(crate) bytes: Option<Arc<[u8]>>,
    predecessors: Arc<Predecessors>,
}

/// What an earlier component of the node is opened with: everything as it is now.
pub(super) struct Predecessors {
    pub(super) node: Arc<str>,
    pub(super) open: OpenOne,
    pub(super) ungranted: Vec<Need>,
    pub(super) sandbox: Sandbox,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cancels: Cancel,
}

// === impl PlanComponent ===

impl PlanComponent {
    pub(super) fn new(plugin: &Plugin, predecessors: Predecessors) -> Self {
        Self {
            bytes: plugin.component().cloned(),
            predecessors: Arc::new(predecessors),
        }
    }

    /// The component that the node had before, with the configuration, columns, grants and
    /// limits that it has now; `place` is where its bytes were found. Blocks, for as long as
    /// compiling takes: not to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// `Plugin` where it cannot be opened so.
    pub(crate) fn predecessor(&self, place: &str, bytes: &[u8]) -> Result<Arc<dyn ConnectorSink>> {
        let with = &self.predecessors;
        let plugin = Plugin::from_bytes(&with.sandbox, place, bytes, None)
            .map_err(|error| Error::plugin(error.to_string()))?;
        if !plugin.is(World::TransactionalSink) {
            return Err(Error::plugin(format!("`{place}` has no transactions")));
        }
        let mut ungranted = with.ungranted.iter();
        if let Some((_, grant, what)) = ungranted.find(|need| plugin.imports(need.0)) {
            return Err(Error::plugin(format!(
                "`{place}` {what}, and the plugin has no grant `{grant}` any more"
            )));
        }
        let cancel = with.cancels.token();
        let sink = (with.open)(&plugin, &cancel)
            .map_err(|error| Error::plugin(format!("`{place}` cannot be opened: {error}")))?;
        let (node, clock) = (with.node.clone(), with.clock.clone());
        let first = Handle::new(node, sink, clock, cancel, Arc::default());
        // The next attempt finds one of its own, if there is something left to commit.
        let only = Only::new(first, || Err(Error::closed("its attempt has ended")));
        Ok(Arc::new(PluginSink::new(Some(Arc::new(only)))))
    }
}
