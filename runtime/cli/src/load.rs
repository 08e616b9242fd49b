//! From a manifest's path to a checked plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_engine::{Control, Environment, Plan, manifest_connectors};
use azud_manifest::{Manifest, Plugin, PluginFile};
use azud_model::{Clock, SystemClock};
use azud_sandbox::Sandbox;

use crate::build;
use crate::failure::Failure;
use crate::sandbox;

/// Larger files are no manifests: they are not even read.
const MAX_BYTES: u64 = 4 << 20;

/// Reads and checks the manifest; builds the plugins that need it.
pub(crate) fn plan(file: &Path) -> Result<Plan, Failure> {
    Loader::new(file)?.read().map(|(_, plan)| plan)
}

/// Makes plans of manifests in one place, with one sandbox and one clock.
#[derive(Clone)]
pub(crate) struct Loader {
    file: PathBuf,
    sandbox: Sandbox,
    clock: Arc<dyn Clock>,
}

impl Loader {
    /// For a manifest, and for those that take its place.
    pub(crate) fn new(file: &Path) -> Result<Self, Failure> {
        Ok(Self {
            file: file.to_owned(),
            sandbox: sandbox::start()?,
            clock: Arc::new(SystemClock::new()),
        })
    }

    /// Reads and checks the manifest as it is now.
    pub(crate) fn read(&self) -> Result<(Manifest, Plan), Failure> {
        let manifest = parsed(&self.file.display().to_string(), &read(&self.file)?)?;
        self.checked(manifest)
    }

    /// Checks a manifest that is to take over from the one that runs, as if it were there.
    pub(crate) fn changed(
        &self,
        name: &str,
        text: &str,
        control: &Control,
    ) -> Result<(Manifest, Plan), Failure> {
        let manifest = parsed(name, text)?;
        let may = control.may_change(&manifest);
        may.map_err(|error| Failure::Input(error.to_string()))?;
        self.checked(manifest)
    }

    /// Builds the plugins that need it.
    fn checked(&self, manifest: Manifest) -> Result<(Manifest, Plan), Failure> {
        let directory = directory(&self.file);
        let find_plugin = |plugin: &Plugin| find(&directory, plugin);
        let environment = Environment {
            directory: directory.clone(),
            sandbox: self.sandbox.clone(),
            clock: self.clock.clone(),
            find_plugin: &find_plugin,
        };
        let plan = azud_engine::check(&manifest, &environment).map_err(Failure::Report)?;
        Ok((manifest, plan))
    }
}

/// Reads the manifest, and checks all that can be seen in its text alone.
pub(crate) fn manifest(file: &Path) -> Result<Manifest, Failure> {
    parsed(&file.display().to_string(), &read(file)?)
}

fn parsed(name: &str, text: &str) -> Result<Manifest, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    azud_manifest::parse(name, text, &manifest_connectors(), &environment).map_err(Failure::Report)
}

/// The manifest's folder: where its relative paths start.
pub(crate) fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The text of a manifest.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
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
