//! `azud dead-letters ls`: what was rejected, in groups.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chosen::Letters;
use crate::args::LettersLs;
use crate::failure::Failure;
use crate::output::{print, print_json, print_text, table};

/// How much of a reason tells groups apart.
const REASON: usize = 60;

/// More reasons are one group: some say something else of every row.
const GROUPS: usize = 1000;

const OTHERS: &str = "(other reasons)";

/// Dead letters of one sink, node and reason.
#[derive(Clone, Debug, Default, Serialize)]
struct Group {
    sink: String,
    node: String,
    reason: String,
    count: u64,
    first_epoch: Option<u64>,
    last_epoch: Option<u64>,
    replayed: u64,
}

pub(super) fn ls(arguments: &LettersLs) -> Result<(), Failure> {
    let letters = Letters::open(&arguments.of)?;
    let mut groups: BTreeMap<(String, String, String), Group> = BTreeMap::new();
    letters.read(&mut |letter, was_replayed| {
        let reason = shortened(&letter.reason);
        let mut key = (letter.sink, letter.node, reason);
        if groups.len() >= GROUPS && !groups.contains_key(&key) {
            key.2 = OTHERS.to_owned();
        }
        let (sink, node, reason) = key.clone();
        let group = groups.entry(key).or_insert_with(|| Group {
            sink,
            node,
            reason,
            ..Group::default()
        });
        group.count += 1;
        group.replayed += u64::from(was_replayed);
        let epoch = letter.epoch;
        group.first_epoch = group.first_epoch.into_iter().chain(epoch).min();
        group.last_epoch = group.last_epoch.max(epoch);
        Ok(())
    })?;
    let groups: Vec<Group> = groups.into_values().collect();
    if arguments.json {
        return print_json(&groups);
    }
    if groups.is_empty() {
        return print("no dead letters\n");
    }
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    let heads = ["sink", "node", "reason", "count", "epochs", "replayed"];
    print_text(&table(&heads, &rows))
}

fn row(group: &Group) -> Vec<String> {
    let epochs = match (group.first_epoch, group.last_epoch) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => String::new(),
    };
    vec![
        azud_sandbox::escaped(&group.sink).to_string(),
        azud_sandbox::escaped(&group.node).to_string(),
        group.reason.clone(),
        group.count.to_string(),
        epochs,
        group.replayed.to_string(),
    ]
}

/// The first line of a reason, as much of it as fits.
fn shortened(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let line = azud_sandbox::escaped(line).to_string();
    match line.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_reason_is_its_first_line_as_far_as_it_fits() {
        assert_eq!(shortened("no number\nat all"), "no number");
        assert_eq!(shortened(""), "");
        let long = "ä".repeat(61);
        assert_eq!(shortened(&long), format!("{}...", "ä".repeat(60)));
        assert_eq!(shortened(&long[2..]), "ä".repeat(60));
    }
}
