//! Connections that go from one plan to the next.

use std::sync::Arc;

use azud_connect::Source;

use super::diff::{Changes, Difference};
use crate::plan::Plan;

// === impl Plan ===

impl Plan {
    /// Takes over the connections of nodes that are the same in another plan, whose `sources` are
    /// as they run; answers this plan's.
    pub(crate) fn adopt(
        &mut self,
        other: &Plan,
        changes: &Changes,
        sources: &[Arc<dyn Source>],
    ) -> Vec<Arc<dyn Source>> {
        if let (Some(own), Some(other)) = (&mut self.checkpoint, &other.checkpoint) {
            own.storage = other.storage.clone();
        }
        // What a sink has open is that of so many lanes.
        if self.lanes == other.lanes {
            for number in 0..self.sinks.len() {
                let name = self.sink_name(number).to_owned();
                let is_it = |of: &usize| other.sink_name(*of) == name;
                let found = (0..other.sinks.len()).find(is_it);
                let found = found.and_then(|of| other.sinks.get(of));
                let own = self.sinks.get_mut(number);
                // A plugin's calls are given up by its plan.
                if let (Some(own), Some(found)) = (own, found)
                    && own.component.is_none()
                    && changes.of(&name) == Some(&Difference::Same)
                {
                    own.sink = found.sink.clone();
                }
            }
        }
        for number in 0..self.sources.len() {
            let name = self.source_name(number).to_owned();
            let mut others = (0..).zip(&other.sources);
            let found = others.find(|(of, _)| other.source_name(*of) == name);
            let is_kept = is_kept(self, other, changes, &name);
            let own = self.sources.get_mut(number).filter(|_| is_kept);
            if let (Some(own), Some((_, found))) = (own, found) {
                own.source = found.source.clone();
                // Its reader looks schemas up for the decoder of the same plan.
                own.format.clone_from(&found.format);
                own.lookup.clone_from(&found.lookup);
            }
        }
        same_sources(self, other, changes, sources)
    }
}

/// Whether the connections of a source go from one plan to the other.
pub(crate) fn is_kept(plan: &Plan, other: &Plan, changes: &Changes, source: &str) -> bool {
    // Readers are dealt to lanes.
    plan.lanes == other.lanes && changes.of(source) == Some(&Difference::Same)
}

/// A plan's sources: those of `other` that are the same, which have run, and new ones.
pub(crate) fn same_sources(
    plan: &Plan,
    other: &Plan,
    changes: &Changes,
    sources: &[Arc<dyn Source>],
) -> Vec<Arc<dyn Source>> {
    let own = (0..plan.sources.len()).map(|number| {
        let name = plan.source_name(number);
        let mut others = 0..other.sources.len();
        let found = others.find(|of| other.source_name(*of) == name);
        let found = found
            .filter(|_| is_kept(plan, other, changes, name))
            .and_then(|of| sources.get(of));
        match found {
            Some(found) => Some(found.clone()),
            None => plan.journaled_source(number),
        }
    });
    own.flatten().collect()
}
