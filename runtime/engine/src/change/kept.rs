//! Which nodes of a plan are those of the plan before it, and keep their connections.

use std::sync::Arc;

use azud_connect::Source;

use super::diff::{Changes, Difference};
use crate::plan::{Plan, PlanSink};

/// The sources and sinks of a plan whose connections are those of the plan before it. This is the
/// one place that decides it; readers, sources and sinks are handed over as it says.
///
/// A node keeps its connections where nothing of it differs ([`Difference::Same`]) and both plans
/// have as many lanes; a sink's plugin never does. What a checkpoint keeps of it is another matter:
/// see `recovery`.
pub(crate) struct Kept {
    /// Of each source of the plan its number in the plan before.
    sources: Vec<Option<usize>>,
    /// Of each sink.
    sinks: Vec<Option<usize>>,
}

// === impl Kept ===

impl Kept {
    /// What `now` keeps of the plan `before`, which has run; `changes` are those from one of the two
    /// to the other.
    pub(crate) fn of(before: &Plan, now: &Plan, changes: &Changes) -> Self {
        // Readers are dealt to lanes, and what a sink has open is that of so many.
        let is_same =
            |name: &str| before.lanes == now.lanes && changes.of(name) == Some(&Difference::Same);
        let source = |number| {
            let name = now.source_name(number);
            before.source_number(name).filter(|_| is_same(name))
        };
        let sink = |number| {
            let name = now.sink_name(number);
            // A plugin's calls are given up by its plan.
            let is_plugin = |sink: &PlanSink| sink.component.is_some();
            let is_kept = is_same(name) && !now.sinks.get(number).is_some_and(is_plugin);
            before.sink_number(name).filter(|_| is_kept)
        };
        Self {
            sources: (0..now.sources.len()).map(source).collect(),
            sinks: (0..now.sinks.len()).map(sink).collect(),
        }
    }

    /// The number that a source of the plan before has in this one, where it is kept.
    pub(crate) fn source(&self, before: usize) -> Option<usize> {
        self.sources.iter().position(|of| *of == Some(before))
    }

    /// The plan's sources: those that are kept, of the ones that `have_run`, and new ones.
    pub(crate) fn sources(
        &self,
        plan: &Plan,
        have_run: &[Arc<dyn Source>],
    ) -> Vec<Arc<dyn Source>> {
        let own = self.sources.iter().enumerate().map(|(number, before)| {
            let found = before.and_then(|before| have_run.get(before));
            found.cloned().or_else(|| plan.journaled_source(number))
        });
        own.flatten().collect()
    }
}

// === impl Plan ===

impl Plan {
    /// Takes over the connections that are `kept` of the plan before.
    pub(crate) fn adopt(&mut self, before: &Plan, kept: &Kept) {
        if let (Some(own), Some(before)) = (&mut self.checkpoint, &before.checkpoint) {
            own.storage = before.storage.clone();
        }
        for (own, of) in self.sinks.iter_mut().zip(&kept.sinks) {
            if let Some(before) = of.and_then(|of| before.sinks.get(of)) {
                own.sink = before.sink.clone();
            }
        }
        for (own, of) in self.sources.iter_mut().zip(&kept.sources) {
            if let Some(before) = of.and_then(|of| before.sources.get(of)) {
                own.source = before.source.clone();
                // Its reader looks schemas up for the decoder of the same plan.
                own.format.clone_from(&before.format);
                own.lookup.clone_from(&before.lookup);
            }
        }
    }
}
