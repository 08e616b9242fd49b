//! A pipeline as one of several that share a source: what a member of a group can be.

use std::time::Duration;

use azud_connect::Delivery;
use azud_manifest::Trigger;

use super::node::Draft;
use crate::graph::Work;

/// Why a member keeps nothing.
const SOME: &str = "with `sharing: group` a member has some of the partitions, and they move";

/// Brokers end a transaction after a while, by default after three times this.
const LONGEST: Duration = Duration::from_secs(10);

/// Blames what cannot be in a pipeline whose source is shared by a group; answers whether it is.
pub(super) fn check(draft: &mut Draft<'_>) -> bool {
    let shared = |source: &super::PlanSource| source.source.group().is_some();
    let Some(source) = draft.sources.iter().find(|source| shared(source)) else {
        return false;
    };
    let manifest = draft.manifest;
    let name = draft
        .nodes
        .get(source.node)
        .map(|node| node.name.to_string());
    let span_of = |name: &str| manifest.sources.get(name).map(|node| node.name.span);
    let span = name.as_deref().and_then(span_of).unwrap_or_default();
    let has_others = draft.sources.len() > 1;
    let mut blames: Vec<(_, String, &str)> = Vec::new();
    if has_others {
        let message = format!("{SOME}: it can be the only source, and there are others");
        blames.push((span, message, "read the others in a pipeline of their own"));
    }
    if let Some(checkpoint) = &manifest.checkpoint {
        let message = format!(
            "{SOME}: positions are in the transactions of its sink, and a `checkpoint` would hold others"
        );
        blames.push((checkpoint.to.span, message, "remove it"));
    }
    if let Trigger::Every(interval) = manifest.trigger.value
        && Duration::from(interval) > LONGEST
    {
        let message = format!(
            "{SOME}: an epoch is one transaction, which holds up readers and the group while it is open"
        );
        blames.push((
            manifest.trigger.span,
            message,
            "an epoch takes 10s at most: `trigger: 10s`",
        ));
    }
    for (vertex, span) in draft.vertices.iter().zip(&draft.spans) {
        let keeps =
            vertex.is_stateful() || vertex.of_batch || vertex.counts || vertex.exchange.is_some();
        if keeps && !matches!(vertex.work, Work::Sink(_)) {
            let message =
                format!("{SOME}: what this node keeps, or puts together, would be of those alone");
            let help = "write the rows to a topic, by key, and read that in a pipeline of its own";
            blames.push((*span, message, help));
        }
    }
    for (number, sink) in draft.sinks.iter().enumerate() {
        let takes_part = sink.sink.delivery() == Delivery::WithPositions;
        if takes_part && number == 0 {
            continue;
        }
        let name = draft.nodes.get(sink.node).map(|node| node.name.to_string());
        let span =
            name.and_then(|name| manifest.sinks.get(name.as_str()).map(|sink| sink.name.span));
        let message = format!(
            "{SOME}: rows and positions are committed in one transaction, of one `kafka` sink"
        );
        blames.push((
            span.unwrap_or_default(),
            message,
            "write to one topic, or give each row a column `topic`",
        ));
    }
    blames.sort_by_key(|(span, ..)| *span);
    blames.dedup_by(|left, right| left.0 == right.0);
    for (span, message, help) in blames {
        draft.blame(span, message, Some(help.to_owned()));
    }
    true
}
