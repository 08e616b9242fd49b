//! By which sources' event time each vertex goes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Vertex, Work};
use crate::event_time::{CLOCK, TimeFrom};

/// For every vertex, the sources whose event time is its own: those above it, and those that its
/// node reads besides, since a query has one watermark, as in Spark.
pub(super) fn sources(vertices: &[Vertex]) -> Vec<Vec<TimeFrom>> {
    let of_node = of_nodes(vertices);
    let mut found: Vec<BTreeMap<usize, i64>> = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let node = of_node.get(&vertex.node).into_iter().flatten();
        let mut own: BTreeMap<usize, i64> = node.map(|source| (*source, 0)).collect();
        for from in vertex.inputs.iter().flatten() {
            let behind = vertices.get(from.vertex).map_or(0, |above| above.behind);
            for (source, before) in found.get(from.vertex).into_iter().flatten() {
                let own = own.entry(*source).or_default();
                *own = (*own).max(before.saturating_add(behind));
            }
        }
        found.push(own);
    }
    let of = |(number, vertex): (usize, &Vertex)| {
        if vertex.by_clock {
            return vec![TimeFrom {
                source: CLOCK,
                behind: 0,
            }];
        }
        let own = found.get(vertex.serves.unwrap_or(number));
        let own = own.into_iter().flatten();
        own.map(|(source, behind)| TimeFrom {
            source: *source,
            behind: *behind,
        })
        .collect()
    };
    vertices.iter().enumerate().map(of).collect()
}

/// By node, the sources above its vertices.
fn of_nodes(vertices: &[Vertex]) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut above: Vec<BTreeSet<usize>> = Vec::with_capacity(vertices.len());
    let mut of_node: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for vertex in vertices {
        let inputs = vertex.inputs.iter().flatten();
        let inputs = inputs.filter_map(|from| above.get(from.vertex));
        let mut own: BTreeSet<usize> = inputs.flatten().copied().collect();
        if let Work::Source(source) = vertex.work {
            own.insert(source);
        }
        of_node.entry(vertex.node).or_default().extend(&own);
        above.push(own);
    }
    of_node
}
