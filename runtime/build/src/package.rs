//! What has to be known of a package before cargo is asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{BuildError, World};

/// A package on disk.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    /// What it says it is; `None` where it says nothing.
    pub(crate) world: Option<World>,
}

// === impl Package ===

impl Package {
    pub(crate) fn find(source: &Path) -> Result<Self, BuildError> {
        if source.is_file() {
            return Err(BuildError::NoFolder(source.to_owned()));
        }
        let manifest = source.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(match source.exists() {
                true => BuildError::NoPackage(source.to_owned()),
                false => BuildError::Nothing(source.to_owned()),
            });
        }
        let folder = source
            .canonicalize()
            .map_err(BuildError::file("open", source))?;
        let text = fs::read_to_string(&manifest).map_err(BuildError::file("read", &manifest))?;
        Self::parse(&text, &manifest, folder)
    }

    /// Reads the manifest itself: `cargo metadata` would cost a hundred
    /// milliseconds, and a build that is up to date must cost a few.
    pub(crate) fn parse(text: &str, manifest: &Path, folder: PathBuf) -> Result<Self, BuildError> {
        let table: Table = text.parse().map_err(|error| BuildError::Manifest {
            path: manifest.to_owned(),
            reason: format!("{error}").trim_end().to_owned(),
        })?;
        let package = table.get("package");
        let name = package
            .and_then(|package| package.get("name")?.as_str())
            .filter(|name| !name.is_empty())
            .ok_or_else(|| BuildError::NoName(manifest.to_owned()))?;
        let azud = package.and_then(|package| package.get("metadata")?.get("azud"));
        let world = world(azud).map_err(|reason| BuildError::Manifest {
            path: manifest.to_owned(),
            reason,
        })?;
        if !makes_module(table.get("lib")) {
            return Err(BuildError::NoModule(manifest.to_owned()));
        }
        Ok(Self {
            folder,
            name: name.to_owned(),
            world,
        })
    }

    /// What it is built as.
    pub(crate) fn world(&self) -> World {
        self.world.unwrap_or_default()
    }
}

/// What stands under `[package.metadata.azud]`.
fn world(azud: Option<&Value>) -> Result<Option<World>, String> {
    let Some(azud) = azud else { return Ok(None) };
    let section = "[package.metadata.azud]";
    let keys = azud
        .as_table()
        .ok_or_else(|| format!("{section} is a table with the key `world`"))?;
    if let Some(other) = keys.keys().find(|key| *key != "world") {
        return Err(format!(
            "unknown key `{other}` under {section}; it has `world`"
        ));
    }
    let Some(world) = keys.get("world") else {
        return Ok(None);
    };
    let written = world
        .as_str()
        .map_or_else(|| world.to_string(), str::to_owned);
    World::named(&written).map(Some).ok_or_else(|| {
        format!(
            "unknown world `{written}` under {section}; {}",
            World::known()
        )
    })
}

/// Whether `[lib]` asks for a module: only a `cdylib` becomes one.
fn makes_module(lib: Option<&Value>) -> bool {
    // Cargo still reads the old spelling in packages of older editions.
    let types = lib.and_then(|lib| lib.get("crate-type").or_else(|| lib.get("crate_type")));
    types.and_then(Value::as_array).is_some_and(|types| {
        types
            .iter()
            .any(|crate_type| crate_type.as_str() == Some("cdylib"))
    })
}
