//! `azud apply`, and `azud plan --against` a pipeline that runs.

use std::path::Path;

use azud_admin::{Applied, ChangesStatus, ClientError, NodeChangeStatus};

use crate::args::{ApplyArguments, At};
use crate::failure::Failure;
use crate::load;
use crate::output::{print_json, print_text, table};
use crate::reload::{client, failure};
use crate::waits::telling;

pub(crate) fn apply(arguments: &ApplyArguments) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let text = load::read(&arguments.file)?;
    let client = client(&arguments.at);
    let applied = telling(|| client.apply(&name, &text, &arguments.allow_reset));
    let applied = applied.map_err(failure)?;
    match arguments.json {
        true => print_json(&applied),
        false => print_text(&shown(&name, &applied)),
    }
}

fn shown(name: &str, applied: &Applied) -> String {
    match applied.from_epoch {
        Some(epoch) => format!(
            "{}\n{name} runs from epoch {epoch} on\n",
            changes(&applied.changes)
        ),
        None => format!("{name} runs already\n"),
    }
}

/// Shows what a manifest would change of the pipeline that listens there.
pub(crate) fn plan(file: &Path, address: &str, json: bool) -> Result<(), Failure> {
    let text = load::read(file)?;
    let at = At {
        address: address.to_owned(),
    };
    let planned = client(&at).plan(&file.display().to_string(), &text);
    let planned = planned.map_err(|error| match error {
        // It says nothing of the manifest.
        ClientError::Busy(message) => Failure::Asked(message),
        error => failure(error),
    })?;
    match json {
        true => print_json(&planned)?,
        false => print_text(&changes(&planned))?,
    }
    let lost = planned.nodes.iter().filter(|node| node.kept == "lost");
    match lost.count() {
        0 => Ok(()),
        lost => Err(Failure::Lost(lost)),
    }
}

fn changes(changes: &ChangesStatus) -> String {
    let pipeline = changes.pipeline.iter();
    let pipeline = pipeline.map(|key| {
        vec![
            "(pipeline)".to_owned(),
            format!("changed: {key}"),
            String::new(),
            String::new(),
        ]
    });
    let rows: Vec<Vec<String>> = pipeline.chain(changes.nodes.iter().map(row)).collect();
    table(&["node", "change", "state", "why"], &rows)
}

fn row(node: &NodeChangeStatus) -> Vec<String> {
    let difference = match node.what.is_empty() {
        true => node.difference.clone(),
        false => format!("{}: {}", node.difference, node.what.join(", ")),
    };
    vec![
        node.node.clone(),
        difference,
        node.kept.clone(),
        node.why.clone().unwrap_or_default(),
    ]
}
