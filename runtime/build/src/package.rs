//! What has to be known of a package before cargo is asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::BuildError;

/// A package on disk.
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
}

// === impl Package ===

impl Package {
    pub(crate) fn find(source: &Path) -> Result<Self, BuildError> {
        let manifest = source.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::NoPackage(source.to_owned()));
        }
        let folder = source
            .canonicalize()
            .map_err(BuildError::file("open", source))?;
        let text = fs::read_to_string(&manifest).map_err(BuildError::file("read", &manifest))?;
        let name = name(&text).ok_or(BuildError::NoName(manifest))?;
        Ok(Self { folder, name })
    }
}

/// The package's name, without a TOML parser: a build that is up to date must
/// cost a few milliseconds, and `cargo metadata` costs a hundred.
pub(crate) fn name(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().map(str::trim);
    lines.find(|line| *line == "[package]")?;
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "name")
        .and_then(|(_, value)| {
            value
                .trim()
                .trim_matches(['"', '\''])
                .split(['"', '\''])
                .next()
                .map(str::to_owned)
        })
        .filter(|name| !name.is_empty())
}
