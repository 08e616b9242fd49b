//! What a schema cannot say: names, references, cycles, and keys that need or exclude each other.

mod cycles;
mod formats;
mod names;
mod references;
#[cfg(test)]
mod tests;
mod transforms;

pub use cycles::find_cycle;

use crate::{draft::Draft, report::Findings};

/// Adds all that is wrong between the nodes of the draft.
pub(crate) fn check(draft: &Draft, findings: &mut Findings) {
    names::check(draft, findings);
    references::check(draft, findings);
    cycles::check(draft, findings);
    formats::check(draft, findings);
    transforms::check(draft, findings);
}
