//! In which order transforms can be planned: what a node reads comes first.

use azud_manifest::{Manifest, Span, Step, Transform, find_cycle};

use super::node::{Draft, REJECTED};

/// The transforms in topological order; those with errors are told and left out.
pub(super) fn order<'a>(draft: &mut Draft<'_>, manifest: &'a Manifest) -> Vec<&'a Transform> {
    let mut reads: Vec<(&Transform, Vec<String>)> = Vec::new();
    for transform in manifest.transforms.values() {
        let tables = match transform.step() {
            Step::Plugin(_) => {
                let from = transform.from.iter();
                from.map(|from| from.value.trim_end_matches(REJECTED).to_owned())
                    .collect()
            }
            Step::Sql(sql) => match azud_sql::tables(&sql.value) {
                Ok(tables) => resolve(manifest, tables),
                Err(error) => {
                    super::sql::blame(draft, sql, &error);
                    continue;
                }
            },
        };
        reads.push((transform, tables));
    }
    let edges: Vec<(&str, Vec<&str>)> = reads
        .iter()
        .map(|(transform, tables)| {
            let tables = tables.iter().map(String::as_str).collect();
            (transform.name.value.as_str(), tables)
        })
        .collect();
    if let Some(cycle) = find_cycle(&edges) {
        let span = cycle
            .first()
            .and_then(|name| manifest.transforms.get(*name));
        let span = span.map_or_else(Span::default, |transform| transform.name.span);
        let mut path = cycle.clone();
        path.extend(cycle.first());
        let message = format!("nodes read each other in a cycle: {}", path.join(" -> "));
        draft.blame(span, message, None);
        return Vec::new();
    }
    sort(reads)
}

/// SQL's names are case-insensitive: finds the nodes that are meant.
fn resolve(manifest: &Manifest, tables: Vec<String>) -> Vec<String> {
    let nodes = || manifest.sources.keys().chain(manifest.transforms.keys());
    let node = |table: String| {
        let table = table.trim_end_matches(REJECTED).to_owned();
        match nodes().find(|node| node.eq_ignore_ascii_case(&table)) {
            Some(node) => node.clone(),
            None => table,
        }
    };
    tables.into_iter().map(node).collect()
}

/// Takes what has nothing left to wait for, until nothing is left. No cycle is left to hang on.
fn sort(mut waiting: Vec<(&Transform, Vec<String>)>) -> Vec<&Transform> {
    let mut sorted = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<String> = waiting
            .iter()
            .map(|(one, _)| one.name.value.clone())
            .collect();
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(_, reads)| !reads.iter().any(|read| names.contains(read)));
        if ready.is_empty() {
            break;
        }
        sorted.extend(ready.into_iter().map(|(transform, _)| transform));
        waiting = rest;
    }
    sorted
}
