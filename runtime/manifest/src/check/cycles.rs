//! No row may come back to where it was.

use std::collections::{HashMap, HashSet};

use crate::{draft::Draft, report::Findings};

/// A ring of nodes, each reading the next and the last reading the first; `None` where there is none.
///
/// `reads` says for each node which nodes it reads. Nodes are looked at in the order of `reads`, so
/// that the answer is always the same one. The engine calls this again once it knows the tables that
/// queries read.
#[must_use]
pub fn find_cycle<'a>(reads: &[(&'a str, Vec<&'a str>)]) -> Option<Vec<&'a str>> {
    let edges: HashMap<&str, &[&'a str]> = reads
        .iter()
        .map(|(node, from)| (*node, from.as_slice()))
        .collect();
    let mut done: HashSet<&str> = HashSet::new();
    for (start, from) in reads {
        // A path down from `start`, with what is still to be looked at below each of its nodes; by
        // hand, since a chain of nodes may be longer than the stack is deep.
        let mut path: Vec<(&'a str, std::slice::Iter<'_, &'a str>)> = vec![(start, from.iter())];
        let mut on_path: HashSet<&str> = HashSet::from([*start]);
        while let Some((node, rest)) = path.last_mut() {
            let Some(next) = rest.next() else {
                done.insert(node);
                on_path.remove(*node);
                path.pop();
                continue;
            };
            if on_path.contains(next) {
                let ring = path
                    .iter()
                    .map(|(node, _)| *node)
                    .skip_while(|node| node != next);
                return Some(ring.collect());
            }
            if let (false, Some(from)) = (done.contains(next), edges.get(next)) {
                on_path.insert(next);
                path.push((next, from.iter()));
            }
        }
    }
    None
}

/// Refuses a cycle of `from`; those through queries are known only once the queries are read.
pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    // A sink can be read as well: what it rejected.
    let transforms = draft.transforms.values();
    let transforms = transforms.map(|transform| (&transform.name, &transform.from));
    let sinks = draft.sinks.values().map(|sink| (&sink.name, &sink.from));
    let nodes: Vec<_> = transforms.chain(sinks).collect();
    let reads: Vec<_> = nodes
        .iter()
        .map(|(name, from)| {
            // A sink's own name is never read, only what it rejects: another node may have it.
            let from = from
                .iter()
                .filter(|from| !draft.sinks.contains_key(&from.value));
            let from = from.map(|from| base(&from.value));
            (name.value.as_str(), from.collect::<Vec<_>>())
        })
        .collect();
    let Some(cycle) = find_cycle(&reads) else {
        return;
    };
    let [first, ..] = cycle.as_slice() else {
        return;
    };
    let next = cycle.get(1).unwrap_or(first);
    let node = nodes.iter().find(|(name, _)| name.value == *first);
    let from = node.and_then(|(_, from)| from.iter().find(|from| base(&from.value) == *next));
    let Some(from) = from else {
        return;
    };
    let ring: Vec<_> = cycle
        .iter()
        .chain([first])
        .map(|node| format!("`{node}`"))
        .collect();
    findings.add_with_help(
        from.span,
        format!("a cycle: {}", ring.join(" reads ")),
        "rows must not come back to where they were: let one of these nodes read another one",
    );
}

/// The node of a name with or without a side output.
fn base(name: &str) -> &str {
    name.split_once('.').map_or(name, |(node, _)| node)
}
