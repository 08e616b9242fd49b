//! From one component of a sink plugin to the next: what the old one has prepared, it commits
//! itself, before the new one is given anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use azud_connect::Sink;
use azud_model::{Error, Result};
use azud_state::{Record, Storage, component};

use crate::plan::{Plan, PlanSink};
use crate::run::Retry;

/// The sinks that are plugins still, of another component than the recorded one.
#[derive(Default)]
pub(crate) struct Handover {
    nodes: BTreeMap<String, Predecessor>,
}

/// What becomes of the component that was there before.
pub(super) enum Predecessor {
    /// There is nothing left for it to commit.
    Done,
    /// It commits the last epoch.
    Commits(Arc<dyn Sink>),
    /// It would have to, and cannot, for this reason.
    Cannot(Error),
}

// === impl Handover ===

impl Handover {
    /// Opens what has to commit; `committed`: whether all sinks have what is recorded.
    pub(super) async fn find(
        plan: &Plan,
        storage: &dyn Storage,
        record: &Record,
        committed: bool,
    ) -> Self {
        let mut nodes = BTreeMap::new();
        for (number, sink) in plan.sinks.iter().enumerate() {
            let node = plan.sink_name(number);
            let Some(before) = before(plan, record, sink, node) else {
                continue;
            };
            let of_sink = record.sinks.iter().find(|of| of.node == node);
            let prepares = of_sink.is_some_and(|of| of.prepares);
            let predecessor = match prepares && !committed {
                false => Predecessor::Done,
                true => match open(storage, sink, before).await {
                    Ok(old) => Predecessor::Commits(old),
                    Err(error) => Predecessor::Cannot(error),
                },
            };
            nodes.insert(node.to_owned(), predecessor);
        }
        Self { nodes }
    }

    /// What becomes of the component that a sink had before; `None` if it has the same one.
    pub(super) fn of(&self, node: &str) -> Option<&Predecessor> {
        self.nodes.get(node)
    }

    /// The component that has to commit before the sink's own is told anything.
    pub(super) fn take(&mut self, node: &str) -> Option<Arc<dyn Sink>> {
        let predecessor = self.nodes.get_mut(node)?;
        match std::mem::replace(predecessor, Predecessor::Done) {
            Predecessor::Commits(sink) => Some(sink),
            _ => None,
        }
    }
}

/// The digest of the plugin that a sink was, where that is another one than it is.
fn before<'a>(plan: &Plan, record: &'a Record, sink: &PlanSink, node: &str) -> Option<&'a str> {
    let recorded = record.sinks.iter().find(|of| of.node == node)?;
    let now = plan.digest(sink.node)?;
    let before = record.plugins.get(node)?;
    (recorded.connector == sink.connector && *before != now).then_some(before)
}

async fn open(storage: &dyn Storage, sink: &PlanSink, digest: &str) -> Result<Arc<dyn Sink>> {
    let mut retry = Retry::new("the checkpoint");
    let (place, bytes) = loop {
        match component(storage, digest).await {
            Ok(found) => break found,
            Err(error) => retry.after(error).await?,
        }
    };
    let opens = sink.component.clone();
    let opens = opens.ok_or_else(|| Error::internal("a plugin without a component"))?;
    // The sandbox has a runtime of its own, and compiling takes its time.
    tokio::task::spawn_blocking(move || opens.predecessor(&place, &bytes))
        .await
        .map_err(|error| Error::internal("opening a component").because(error))?
}
