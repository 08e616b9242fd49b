//! `azud dead-letters replay --dry-run`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use azud_admin::RefusedReplay;
use azud_engine::ReplayRow;
use azud_manifest::{Manifest, Plugin, Step};
use azud_testing::{Replay, ReplayFailure, Setup};
use serde_json::{Value, json};

use super::replay::why;
use crate::args::LettersReplay;
use crate::failure::Failure;
use crate::output::{print_json, print_text};
use crate::{load, log, sandbox};

pub(super) fn dry_run(
    arguments: &LettersReplay,
    manifest: &Manifest,
    rows: Vec<ReplayRow>,
) -> Result<(), Failure> {
    let directory = load::directory(&arguments.of.file);
    let other = other(arguments, manifest)?;
    let used = RefCell::new(BTreeMap::new());
    let find_plugin = |plugin: &Plugin| {
        let name = &plugin.name.value;
        let is_other = other.as_ref().is_some_and(|(other, _)| other == name);
        let path = match &other {
            Some((_, path)) if is_other => Ok(path.clone()),
            _ => load::find(&directory, plugin),
        }?;
        let told = used_as(name, &path, is_other);
        used.borrow_mut().insert(name.clone(), told);
        Ok(path)
    };
    let setup = Setup {
        directory: directory.clone(),
        sandbox: sandbox::start()?,
        find_plugin: &find_plugin,
    };
    let count = rows.len();
    let replay = azud_testing::replay(manifest, &setup, rows);
    let replay = replay.map_err(|failure| match failure {
        ReplayFailure::Report(report) => Failure::Report(report),
        ReplayFailure::Run(error) => Failure::Pipeline(error),
    })?;
    // A sink's plugin is loaded, and sees no row.
    let sinks = manifest.sinks.values();
    let of_sinks: Vec<_> = sinks.filter_map(|sink| sink.plugin.as_ref()).collect();
    for (name, told) in used.take() {
        if !of_sinks.iter().any(|plugin| plugin.value == name) {
            log::print(&told);
        }
    }
    match arguments.json {
        true => print_json(&as_json(&replay))?,
        false => print_text(&as_text(&replay, count))?,
    }
    let refused: Vec<RefusedReplay> = replay
        .refused
        .iter()
        .map(|(id, why)| RefusedReplay {
            id: id.clone(),
            why: why.clone(),
        })
        .collect();
    match refused.as_slice() {
        [] => Ok(()),
        all if all.len() == count => Err(Failure::Input(why(all))),
        some => Err(Failure::Asked(why(some))),
    }
}

/// Which component was run: a pipeline may run another one than its manifest names.
fn used_as(name: &str, path: &Path, is_other: bool) -> String {
    let digest = match std::fs::read(path) {
        Ok(bytes) => azud_sandbox::digest(&bytes),
        // Whoever loads it says so.
        Err(_) => String::new(),
    };
    let why = match is_other {
        true => "as --plugin says",
        false => "as the manifest says; where another version runs, name that with --plugin",
    };
    let path = azud_sandbox::escaped(&path.display().to_string());
    let digest = digest.get(..12).unwrap_or_default();
    format!("plugin `{name}` is {path}, sha256 {digest}, {why}\n")
}

/// The plugin that is another one, and its component.
fn other(
    arguments: &LettersReplay,
    manifest: &Manifest,
) -> Result<Option<(String, PathBuf)>, Failure> {
    let (Some(path), Some(node)) = (&arguments.plugin, &arguments.of.node) else {
        return Ok(None);
    };
    let transform = manifest.transforms.get(node);
    match transform.map(|transform| transform.step()) {
        Some(Step::Plugin(name)) => Ok(Some((name.value.clone(), path.clone()))),
        _ => Err(Failure::Input(format!(
            "`{node}` is no transform with a plugin, and --plugin is for one: name another component \
             of an aggregate or a sink in a copy of the manifest, and run that"
        ))),
    }
}

fn as_json(replay: &Replay) -> Value {
    let parsed = |rows: &[String]| -> Vec<Value> {
        let rows = rows.iter();
        rows.map(|row| serde_json::from_str(row).unwrap_or_default())
            .collect()
    };
    let sinks = replay.sinks.iter();
    let sinks = sinks.map(|(name, rows)| (name.clone(), Value::Array(parsed(rows))));
    let sinks: serde_json::Map<String, Value> = sinks.collect();
    let refused = replay.refused.iter();
    let refused = refused.map(|(id, why)| json!({ "id": id, "why": why }));
    json!({
        "sinks": sinks,
        "rejected": parsed(&replay.rejected),
        "refused": refused.collect::<Vec<_>>(),
    })
}

fn as_text(replay: &Replay, count: usize) -> String {
    let given = count - replay.refused.len().min(count);
    let mut text = format!("{given} given to their nodes, in memory: no sink was touched\n");
    for (sink, rows) in &replay.sinks {
        text += &format!("\n{sink} would get {}\n", rows.len());
        for row in rows {
            text += &format!("  {}\n", azud_sandbox::escaped(row));
        }
    }
    text += &format!("\nrejected again: {}\n", replay.rejected.len());
    for row in &replay.rejected {
        let row: Value = serde_json::from_str(row).unwrap_or_default();
        let text_of = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let (node, reason) = (text_of("node"), text_of("reason"));
        text += &format!("  {node}: {}\n", azud_sandbox::escaped(reason));
    }
    text
}
