//! `azud inspect`: what a component from a stranger is, and what it can reach.

mod columns;
mod json;
mod keeps;
mod snippet;
mod text;

use std::path::Path;

use azud_sandbox::inspect::{Asked, Inspection, ask};
use azud_sandbox::{LoadError, Plugin, Sandbox};

use crate::args::InspectArguments;
use crate::failure::Failure;
use crate::output::print;
use crate::sandbox;

/// What is told of a component.
struct Told<'a> {
    path: &'a Path,
    inspection: Inspection,
    /// What `open` said; none where it cannot be run.
    asked: Option<Asked>,
    /// Whether the input was found by asking.
    found: bool,
    /// The entry for `plugins:`.
    snippet: String,
}

pub(crate) fn inspect(arguments: &InspectArguments) -> Result<(), Failure> {
    let schema = arguments.schema.as_deref().map(columns::parse).transpose();
    let schema = schema.map_err(|error| Failure::Input(format!("--schema: {error}")))?;
    let config = arguments.config.as_deref().unwrap_or("{}");
    if let Err(error) = serde_json::from_str::<serde_json::Value>(config) {
        return Err(Failure::Input(format!("--config is no JSON: {error}")));
    }
    let (path, sandbox) = (arguments.file.as_path(), sandbox::start()?);
    let wrong = |error: LoadError| Failure::Input(error.to_string());
    let inspection = Inspection::load(&sandbox, path).map_err(wrong)?;
    let plugin = load(&sandbox, path, &inspection);
    let asked = match &plugin {
        Ok(plugin) => Some(ask(plugin, config, schema.as_ref())),
        Err(_) => None,
    };
    let told = Told {
        path,
        snippet: snippet::snippet(path, &inspection),
        inspection,
        asked,
        found: schema.is_none(),
    };
    print(&match arguments.json {
        true => format!("{:#}\n", json::json(&told)),
        false => text::text(&told),
    })?;
    plugin.map(drop).map_err(wrong)
}

/// The file may have changed since it was inspected: then it is refused.
fn load(sandbox: &Sandbox, path: &Path, inspection: &Inspection) -> Result<Plugin, LoadError> {
    Plugin::load(sandbox, path, Some(&inspection.digest))
}
