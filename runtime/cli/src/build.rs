//! `azud build`.

use std::fs;

use azud_build::{BuildError, Builder};
use serde_json::json;

use crate::args::BuildArguments;
use crate::failure::Failure;
use crate::output::print;

/// Where several plugins keep what cargo compiled, so that each of their common
/// dependencies is compiled once.
const TARGET_DIR: &str = "AZUD_TARGET_DIR";

/// How `azud` builds plugins, from the command line and for a manifest's `source:`.
pub(crate) fn builder() -> Builder {
    let builder = Builder::new();
    match std::env::var_os(TARGET_DIR).filter(|folder| !folder.is_empty()) {
        Some(folder) => builder.target_dir(folder),
        None => builder,
    }
}

pub(crate) fn build(arguments: &BuildArguments) -> Result<(), Failure> {
    let builder = builder().force(arguments.force).show(true);
    let builder = match &arguments.out {
        Some(out) => builder.out(out),
        None => builder,
    };
    let built = builder
        .run(&arguments.folder)
        .map_err(|error| Failure::Input(error.brief()))?;
    if !built.now {
        tracing::info!("{} is up to date", arguments.folder.display());
    }
    let bytes = fs::read(&built.component)
        .map_err(|source| BuildError::File {
            what: "read",
            path: built.component.clone(),
            source,
        })
        .map_err(|error| Failure::Input(error.to_string()))?;
    let (path, size, sha256) = (
        built.component.display(),
        bytes.len(),
        azud_sandbox::digest(&bytes),
    );
    print(&match arguments.json {
        true => {
            let path = path.to_string();
            let (world, now) = (built.world.name(), built.now);
            format!(
                "{}\n",
                json!({ "path": path, "bytes": size, "sha256": sha256, "world": world, "built": now })
            )
        }
        false => format!("{path}  {size} bytes  sha256 {sha256}\n"),
    })
}
