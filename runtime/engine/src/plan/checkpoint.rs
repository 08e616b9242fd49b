//! The checkpoint: where it is, and how often it is written.

use std::path::Path;
use std::time::Duration;

use azud_manifest::Manifest;
use azud_state::Location;

use super::PlanCheckpoint;
use super::node::Draft;
use crate::run::CONTINUOUS;

/// How many epochs are kept, unless the manifest says otherwise.
const RETAIN: usize = 10;

/// How often an epoch ends with trigger `continuous`.
pub(super) fn every(manifest: &Manifest) -> Duration {
    let every = manifest.checkpoint.as_ref();
    let every = every.and_then(|checkpoint| checkpoint.every.as_ref());
    every.map_or(CONTINUOUS, |every| every.value.into())
}

/// Where epochs are recorded, unless that was blamed.
pub(super) fn checkpoint(draft: &mut Draft<'_>, directory: &Path) -> Option<PlanCheckpoint> {
    let manifest = draft.manifest;
    let checkpoint = manifest.checkpoint.as_ref()?;
    match Location::new(&checkpoint.to.value, directory) {
        Ok(location) => Some(PlanCheckpoint {
            storage: location.storage(),
            location,
            retain: checkpoint.retain.map_or(RETAIN, usize::from),
        }),
        Err(error) => {
            draft.blame(checkpoint.to.span, error.to_string(), None);
            None
        }
    }
}
