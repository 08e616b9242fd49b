//! Makes a component of a core module.

use std::{fs, path::Path};

use wit_component::ComponentEncoder;

use crate::{BuildError, package::Package};

/// The component of a module that carries its contract in a custom section.
pub(crate) fn encode(module: &Path, package: &Package) -> Result<Vec<u8>, BuildError> {
    let bytes = fs::read(module).map_err(BuildError::file("read", module))?;
    ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| BuildError::Encode {
            source_dir: package.folder.clone(),
            reason: format!("{error:#}"),
        })
}
