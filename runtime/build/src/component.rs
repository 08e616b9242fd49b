//! Makes a component of what cargo made, and looks whether it is a plugin.

use std::{fs, path::Path};

use wit_component::{ComponentEncoder, DecodedWasm};

use crate::{BuildError, World, package::Package};

/// The package of the contract's interfaces.
const CONTRACT: &str = "azud:plugin/";

/// The component: a module that carries its contract in a custom section
/// becomes one; for WASI 0.2 cargo's linker has made it already.
pub(crate) fn of(wasm: &Path, package: &Package) -> Result<Vec<u8>, BuildError> {
    let bytes = fs::read(wasm).map_err(BuildError::file("read", wasm))?;
    let component = match package.world() {
        World::Sink => bytes,
        World::Transform | World::Keyed | World::Aggregate => ComponentEncoder::default()
            .module(&bytes)
            .and_then(|encoder| encoder.validate(true).encode())
            .map_err(|error| no_plugin(package, format!("{error:#}")))?,
    };
    let exports = exports(&component).map_err(|reason| no_plugin(package, reason))?;
    fits(&exports, package.world)
        .map_err(|reason| no_plugin(package, reason))
        .map(|()| component)
}

fn no_plugin(package: &Package, reason: String) -> BuildError {
    BuildError::NoPlugin {
        source_dir: package.folder.clone(),
        reason,
    }
}

/// The worlds whose interface a component exports, in any version.
fn exports(component: &[u8]) -> Result<Vec<World>, String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("it is no component".into());
    };
    let Some(world) = resolve.worlds.get(world) else {
        return Ok(Vec::new());
    };
    let names = world.exports.keys().map(|key| resolve.name_world_key(key));
    Ok(names
        .filter_map(|name| {
            let interface = name.strip_prefix(CONTRACT)?;
            World::named(interface.split('@').next()?)
        })
        .collect())
}

/// Whether a component that exports these is what its package says.
pub(crate) fn fits(exports: &[World], said: Option<World>) -> Result<(), String> {
    let section = "[package.metadata.azud] in its Cargo.toml";
    match (exports, said) {
        ([], _) => Err(
            "it exports none; write `azud_plugin::transform!(Type)` or `azud_plugin::sink!(Type)`"
                .into(),
        ),
        (exports, Some(said)) if exports.contains(&said) => Ok(()),
        (exports, None) if exports.iter().any(|world| *world != World::Sink) => Ok(()),
        // Without I/O it would be of no use: it has to be built for WASI.
        ([found, ..], None) => Err(format!(
            "it exports a {found}: write `world = \"{found}\"` under {section}"
        )),
        ([found, ..], Some(said)) => Err(format!(
            "it exports a {found}, and {section} says `world = \"{said}\"`"
        )),
    }
}
