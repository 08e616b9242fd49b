//! What a schema cannot say: names, references, cycles, and keys that need or exclude each other.

mod avro;
mod cases;
mod checkpoint;
mod cycles;
mod formats;
mod names;
mod references;
mod sinks;
mod tables;
#[cfg(test)]
mod tests;
mod transforms;

pub use cycles::find_cycle;

use crate::{draft::Draft, report::Findings};

/// The most nodes that a pipeline has: operators call each other, so a longer
/// way through it would need a deeper stack.
pub const MAX_NODES: usize = 1_000;

/// Adds all that is wrong between the nodes of the draft.
pub(crate) fn check(draft: &Draft, findings: &mut Findings) {
    if let Some((_, name)) = draft.names.get(MAX_NODES) {
        let count = draft.names.len();
        let message = format!("{count} nodes: a pipeline has at most {MAX_NODES}");
        findings.add(name.span, message);
        return;
    }
    names::check(draft, findings);
    references::check(draft, findings);
    cycles::check(draft, findings);
    formats::check(draft, findings);
    avro::check(draft, findings);
    tables::check(draft, findings);
    transforms::check(draft, findings);
    sinks::check(draft, findings);
    checkpoint::check(draft, findings);
    cases::check(draft, findings);
}
