//! Other versions of plugins are to take over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use azud_connect::fault_point;

use super::error::ControlError;
use super::handle::Control;
use super::running::Running;
use crate::swap::Replacement;

/// A component that is to take over.
#[derive(Clone, Debug)]
pub struct Component {
    /// What messages call it: its path.
    pub name: String,
    /// The component itself.
    pub bytes: Arc<[u8]>,
    /// What it is expected to be.
    pub sha256: Option<String>,
}

/// Nodes, and what is to run there from now on: all of them from the same epoch on, or none.
#[derive(Clone, Debug, Default)]
pub struct Reload {
    /// By the node's name, or `node.function` for one of several aggregates that it calls.
    pub nodes: BTreeMap<String, Component>,
}

/// How a reload went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The new versions run; the first epoch that is theirs is recorded.
    Runs {
        /// That epoch.
        from: u64,
        /// How long a lane was busy with it, at most; `None` where lanes have begun anew.
        pause: Option<Duration>,
    },
    /// They ran already.
    Unchanged,
}

// === impl Control ===

impl Control {
    /// Lets other versions take over: compiles and tries them beside the pipeline, waits for the
    /// end of the epoch, and then until the first epoch of the new versions is recorded. With
    /// `continuous` an epoch ends for it at once, else with the next tick.
    ///
    /// # Errors
    /// Why the old versions go on; nothing is lost or doubled then.
    pub async fn reload(&self, reload: Reload) -> Result<Reloaded, ControlError> {
        let control = self.clone();
        // Compiling takes its time.
        let reloaded = tokio::task::spawn_blocking(move || control.reload_and_wait(&reload));
        let reloaded = reloaded.await.unwrap_or(Err(ControlError::Ended));
        if let Err(refused @ (ControlError::NoNode(_) | ControlError::Refused(_))) = &reloaded {
            tracing::warn!("a version of a plugin was sent, and is refused: {refused}");
        }
        reloaded
    }

    /// The same, blocking: not to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub fn reload_and_wait(&self, reload: &Reload) -> Result<Reloaded, ControlError> {
        let running = self.begun().ok_or(ControlError::Ended)?;
        // Others wait until it is known what this one comes to: it takes memory and time.
        let swaps = running.swaps.clone();
        let slot = swaps.reserve(&reload.told())?;
        // A change may just have ended.
        let running = self.running().ok_or(ControlError::Ended)?;
        let staged = running.stage(reload)?;
        if staged.is_empty() {
            return Ok(Reloaded::Unchanged);
        }
        fault_point("after-staging");
        let answered = swaps.ask(slot, staged)?;
        answered.blocking_recv().unwrap_or(Err(ControlError::Ended))
    }
}

// === impl Reload ===

impl Reload {
    /// In words, for others that are told to wait.
    fn told(&self) -> String {
        let nodes: Vec<_> = self.nodes.keys().map(|node| format!("`{node}`")).collect();
        format!("a reload of {}", nodes.join(", "))
    }
}

// === impl Running ===

impl Running {
    fn stage(&self, reload: &Reload) -> Result<Vec<Replacement>, ControlError> {
        let mut staged = Vec::new();
        for (node, component) in &reload.nodes {
            let (name, replaceable) = self.find(node)?;
            for one in replaceable {
                let one = one.stage(component, self.plan.lanes);
                let one =
                    one.map_err(|why| ControlError::Refused(format!("node `{node}`: {why}")))?;
                staged.extend(one.map(|one| (name.clone(), one)));
            }
        }
        Ok(staged)
    }
}
