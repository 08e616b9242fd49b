//! Whether a plan may take over from another one that runs.

use azud_manifest::{Manifest, Trigger};
use azud_model::Result;
use azud_state::View;

use super::diff::{Changes, Difference};
use crate::plan::{Plan, PlanCheckpoint};
use crate::recovery::{Fit, NodeFit, told_lost};

/// What helps where a running pipeline cannot change so.
const AGAIN: &str = "stop the pipeline, and start it with the manifest";

/// So often a record is read anew that is removed meanwhile.
const TRIES: u32 = 5;

// === impl Changes ===

impl Changes {
    /// What differs, and what of the checkpoint fits: read there, beside the plan that runs.
    ///
    /// # Errors
    /// Why the other plan cannot take over at all; `Invalid` if the checkpoint cannot be read.
    pub(crate) async fn of_running(before: &Plan, now: &Plan) -> Result<Self, String> {
        let checkpoint = may(before, &now.manifest)?;
        if before.shared != now.shared {
            return Err(format!("a group is joined or left at the start: {AGAIN}"));
        }
        let mut changes = Self::between(before, now);
        let fits = fits(now, checkpoint).await;
        for fit in fits.map_err(|error| error.to_string())? {
            let found = changes
                .nodes
                .iter_mut()
                .find(|change| change.node == fit.node);
            if let Some(change) = found {
                change.fit = match (&change.difference, &change.fit, fit.fit) {
                    // Of a source that is a sink now both are told.
                    (_, Fit::Lost(_), _) => continue,
                    (Difference::Added, _, Fit::Kept) => Fit::New,
                    (_, _, fit) => fit,
                };
            }
        }
        Ok(changes)
    }

    /// The nodes that begin anew, all of which must be named.
    ///
    /// # Errors
    /// Those that are not, and why they cannot go on; names that nobody has; a journal, which is
    /// put aside at a start only: the plan before could not go on.
    pub(crate) fn allowed(
        &self,
        before: &Plan,
        now: &Plan,
        allow_reset: &[String],
    ) -> Result<(), String> {
        if let Some(nobody) = allow_reset.iter().find(|name| self.of(name).is_none()) {
            return Err(format!(
                "`--allow-reset {nobody}`: neither manifest has such a node"
            ));
        }
        let journaled = before.sources.iter().enumerate();
        let journaled = journaled.filter(|(_, source)| source.journal.is_some());
        for (number, _) in journaled {
            let name = before.source_name(number);
            let own = now.source_number(name).and_then(|of| now.sources.get(of));
            let is_journaled = own.is_some_and(|own| own.journal.is_some());
            let found = self.nodes.iter().find(|change| change.node == name);
            let why = match found.map(|change| &change.fit) {
                Some(Fit::Lost(why)) => why.as_str(),
                _ if !is_journaled => "it would have a journal no more",
                _ => continue,
            };
            return Err(format!(
                "source `{name}`: {why}, and what the journal still has would be lost: stop the \
                 pipeline, and start it with the manifest and `--allow-reset {name}`"
            ));
        }
        let lost = self.nodes.iter().filter_map(|change| match &change.fit {
            Fit::Lost(why) if !allow_reset.contains(&change.node) => Some((&change.node, why)),
            _ => None,
        });
        let lost: Vec<_> = lost.collect();
        match lost.is_empty() {
            true => Ok(()),
            false => Err(told_lost(&lost)),
        }
    }
}

/// Where the plan that runs records epochs, and one of another manifest would.
///
/// # Errors
/// Why that cannot take over, whatever else is in it.
pub(crate) fn may<'a>(before: &'a Plan, now: &Manifest) -> Result<&'a PlanCheckpoint, String> {
    if before.name != now.name.value {
        return Err(format!(
            "the manifest is that of `{}`, and `{}` runs here",
            now.name.value, before.name
        ));
    }
    let (Some(checkpoint), Some(old), Some(new)) = (
        &before.checkpoint,
        &before.manifest.checkpoint,
        &now.checkpoint,
    ) else {
        return Err(format!(
            "positions and states wait in the checkpoint while a manifest changes, and there is \
             none: {AGAIN}"
        ));
    };
    if old.to != new.to {
        return Err(format!(
            "the checkpoint is at `{}`, and would be at `{}`: {AGAIN}",
            old.to.value, new.to.value
        ));
    }
    if before.trigger.finite() || now.trigger.value == Trigger::Once {
        return Err(format!(
            "`trigger: once` reads to the end and stops: {AGAIN}"
        ));
    }
    Ok(checkpoint)
}

/// What of the last record fits; nothing at all where there is none yet.
async fn fits(plan: &Plan, checkpoint: &PlanCheckpoint) -> Result<Vec<NodeFit>> {
    let view = View::new(checkpoint.storage.clone());
    let mut tries = TRIES;
    loop {
        if view.is_empty().await? {
            return Ok(Vec::new());
        }
        let read = async { view.whole(&view.last().await?).await };
        match read.await {
            Ok(record) => return plan.fits(&record),
            // Whoever runs may have removed what the record names: there is a newer one.
            Err(_) if tries > 0 => tries -= 1,
            Err(error) => return Err(error),
        }
    }
}
