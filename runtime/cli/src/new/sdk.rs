//! The SDK that the program carries, so that a plugin builds without the repository.

use std::path::Path;

use super::folder;
use crate::failure::Failure;

/// Its folder within a plugin's.
pub(crate) const FOLDER: &str = "azud-plugin";

/// Every file with its content: the build script gathers them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Its license goes where it goes.
const LICENSE: &str = include_str!("../../../../LICENSE");

/// Writes it into a plugin's folder.
pub(crate) fn write(plugin: &Path) -> Result<(), Failure> {
    let sdk = plugin.join(FOLDER);
    for (file, content) in FILES {
        folder::write(&sdk, file, content)?;
    }
    folder::write(&sdk, "LICENSE", LICENSE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sdk_of_the_repository() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
        for (file, content) in FILES {
            assert_eq!(std::fs::read(sdk.join(file)).unwrap(), *content, "{file}");
        }
        for file in ["Cargo.toml", "README.md", "src/lib.rs", "wit/worlds.wit"] {
            assert!(FILES.iter().any(|(name, _)| *name == file), "{file}");
        }
    }
}
