//! What cargo reports of a build: a line of JSON for each artifact.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// An artifact of a package that lies on this disk, not in a registry.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// As `cargo clean -p` takes it.
    pub(crate) package: String,
    pub(crate) manifest: PathBuf,
    files: Vec<PathBuf>,
    /// Whether cargo took what was there, by the times of the files.
    pub(crate) fresh: bool,
}

/// The artifacts among the messages.
pub(crate) fn artifacts(messages: &[u8]) -> Vec<Artifact> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    messages
        .filter_map(|message| artifact(&message))
        .filter(|artifact| artifact.package.starts_with("path+"))
        .collect()
}

/// The module of the package with this manifest.
pub(crate) fn module(artifacts: &[Artifact], manifest: &Path) -> Option<PathBuf> {
    let own = artifacts
        .iter()
        .filter(|artifact| artifact.manifest == manifest);
    let mut files = own.flat_map(|artifact| &artifact.files);
    files
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
        .cloned()
}

/// The packages that cargo took as they were, by the times of their files, and
/// should not have: a file in them has another content (one that was restored is
/// older than what was made of the one in between), or they lie in a folder that
/// is `doubted`.
pub(crate) fn mistaken(
    artifacts: &[Artifact],
    changed: &[PathBuf],
    doubted: Option<&Path>,
) -> Vec<String> {
    let is_wrong = |artifact: &&Artifact| {
        let folder = artifact.manifest.parent().unwrap_or(&artifact.manifest);
        changed.iter().any(|file| file.starts_with(folder))
            || doubted.is_some_and(|doubted| folder.starts_with(doubted))
    };
    let fresh = artifacts.iter().filter(|artifact| artifact.fresh);
    fresh
        .filter(is_wrong)
        .map(|artifact| artifact.package.clone())
        .collect()
}

fn artifact(message: &Value) -> Option<Artifact> {
    let text = |key: &str| message.get(key)?.as_str();
    let files = message.get("filenames")?.as_array()?;
    Some(Artifact {
        package: text("package_id")?.to_owned(),
        manifest: text("manifest_path")?.into(),
        files: files
            .iter()
            .filter_map(|file| file.as_str().map(PathBuf::from))
            .collect(),
        fresh: message.get("fresh")?.as_bool()?,
    })
}
