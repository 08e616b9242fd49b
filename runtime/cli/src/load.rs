//! From a manifest's path to a checked plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_engine::{Environment, Plan, manifest_connectors};
use azud_manifest::{Manifest, Plugin, PluginFile};
use azud_model::SystemClock;

use crate::build;
use crate::failure::Failure;
use crate::sandbox;

/// Larger files are no manifests: they are not even read.
const MAX_BYTES: u64 = 4 << 20;

/// Reads and checks the manifest; builds the plugins that need it.
pub(crate) fn plan(file: &Path) -> Result<Plan, Failure> {
    let manifest = manifest(file)?;
    let directory = directory(file);
    let sandbox = sandbox::start()?;
    let find_plugin = |plugin: &Plugin| find(&directory, plugin);
    let environment = Environment {
        directory: directory.clone(),
        sandbox,
        clock: Arc::new(SystemClock::new()),
        find_plugin: &find_plugin,
    };
    azud_engine::check(&manifest, &environment).map_err(Failure::Report)
}

/// Reads the manifest, and checks all that can be seen in its text alone.
pub(crate) fn manifest(file: &Path) -> Result<Manifest, Failure> {
    let text = read(file)?;
    let environment = |name: &str| std::env::var(name).ok();
    let shown = file.display().to_string();
    azud_manifest::parse(&shown, &text, &manifest_connectors(), &environment)
        .map_err(Failure::Report)
}

/// The manifest's folder: where its relative paths start.
pub(crate) fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::Input(format!("cannot read {}: {why}", file.display()));
    let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
    if metadata.is_dir() {
        return Err(cannot("it is a folder, name the manifest in it".into()));
    }
    if !metadata.is_file() {
        return Err(cannot("it is no file".into()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(cannot(format!(
            "a manifest has at most {} MiB",
            MAX_BYTES >> 20
        )));
    }
    let bytes = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        cannot(format!("it is not UTF-8, from byte {at} on"))
    })
}

/// A plugin's component; builds its source where that is newer.
pub(crate) fn find(directory: &Path, plugin: &Plugin) -> Result<PathBuf, String> {
    match plugin.file() {
        PluginFile::Path(path) => Ok(directory.join(&path.value)),
        PluginFile::Source(source) => build::builder()
            .build(&directory.join(&source.value))
            .map_err(|error| error.to_string()),
    }
}
