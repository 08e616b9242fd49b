//! The checkpoint, and the journals that live in it.

use crate::{Durability, Trigger, draft::Draft, manifest::Root, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let Some(root) = &draft.root else {
        return;
    };
    every(root, findings);
    for source in draft.sources.values() {
        let keeps = source.durability.as_ref();
        let in_memory = keeps.is_some_and(|keeps| keeps.value == Durability::Memory);
        let journal = keeps.filter(|_| !in_memory).map(|keeps| keeps.span);
        let options = [
            source.journal_size.as_ref().map(|size| size.span),
            source.on_full.as_ref().map(|on_full| on_full.span),
        ];
        for span in options.into_iter().flatten() {
            if in_memory {
                findings.add(span, "with `durability: memory` there is no journal");
            }
        }
        let needs = options.into_iter().chain([journal]).flatten().next();
        if let (Some(span), None, false) = (needs, &root.checkpoint, in_memory) {
            findings.add_with_help(
                span,
                "a journal is kept in the checkpoint, and the pipeline has none",
                "write `checkpoint: { to: ./state }`",
            );
        }
    }
}

fn every(root: &Root, findings: &mut Findings) {
    let every = root.checkpoint.as_ref();
    let Some(every) = every.and_then(|checkpoint| checkpoint.every.as_ref()) else {
        return;
    };
    if root.trigger.value != Trigger::Continuous {
        findings.add_with_help(
            every.span,
            "`every` is for `trigger: continuous`: every other epoch is recorded when it ends",
            "leave it out",
        );
    } else if every.value.is_zero() {
        findings.add(every.span, "`every` must be at least 1ms");
    }
}
