//! Another manifest is to take over.

use azud_manifest::Manifest;
use tokio::runtime::Builder;

use super::error::ControlError;
use super::handle::Control;
use super::reload::Reloaded;
use super::running::Running;
use crate::change::{Asked, CHANGE, Changes, may};
use crate::plan::Plan;

// === impl Control ===

impl Control {
    /// Whether a manifest is one that could take over, before a plan is made of it: that may find
    /// what this pipeline has in use.
    ///
    /// # Errors
    /// Why it cannot take over at all.
    pub fn may_change(&self, manifest: &Manifest) -> Result<(), ControlError> {
        let running = self.begun().ok_or(ControlError::Ended)?;
        let may = may(&running.plan, manifest);
        may.map(|_| ()).map_err(ControlError::Refused)
    }

    /// What differs between the plan that runs and another one, and what of the checkpoint fits
    /// that; blocks for as long as reading there takes.
    ///
    /// # Errors
    /// Why the other one cannot take over at all.
    pub fn changes(&self, plan: &Plan) -> Result<Changes, ControlError> {
        let running = self.running().ok_or(ControlError::Ended)?;
        running.changes(plan)
    }

    /// Lets another plan take over from the one that runs, of the same pipeline and checkpoint: at
    /// the end of the epoch that is under way. Nodes that are the same keep their connections and
    /// state. Blocks until the first epoch of the new plan is recorded; until then whatever fails
    /// brings the old one back. Nodes of `allow_reset` may begin anew. Answers what has changed.
    ///
    /// # Errors
    /// Why the old plan goes on. What was read meanwhile is computed again; only a source that
    /// cannot be asked again, and has no journal, has lost it.
    pub fn change_and_wait(
        &self,
        plan: Plan,
        allow_reset: &[String],
    ) -> Result<(Changes, Reloaded), ControlError> {
        let running = self.begun().ok_or(ControlError::Ended)?;
        // Nothing else is changed until it is known what this one comes to.
        let swaps = running.swaps.clone();
        let _slot = swaps.reserve(CHANGE)?;
        let running = self.running().ok_or(ControlError::Ended)?;
        let changes = running.changes(&plan)?;
        let before = &running.plan;
        let allowed = changes.allowed(before, &plan, allow_reset);
        allowed.map_err(ControlError::Refused)?;
        if changes.is_empty() {
            return Ok((changes, Reloaded::Unchanged));
        }
        let asked = Asked {
            plan,
            changes: changes.clone(),
            resets: allow_reset.to_vec(),
        };
        let answered = running.changing.ask(asked)?;
        let answer = answered.blocking_recv().unwrap_or(Err(ControlError::Ended));
        Ok((changes, answer?))
    }
}

// === impl Running ===

impl Running {
    fn changes(&self, plan: &Plan) -> Result<Changes, ControlError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ControlError::Refused(error.to_string()))?;
        let changes = runtime.block_on(Changes::of_running(&self.plan, plan));
        changes.map_err(ControlError::Refused)
    }
}
