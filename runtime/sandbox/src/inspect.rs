//! What a component is and what it asks for, before anybody trusts it: for people.

mod ask;
mod reach;

use std::path::Path;

use wasmtime::component::types::ComponentItem;

use crate::{
    LoadError, Sandbox,
    cache::digest,
    log::escaped,
    plugin::{PACKAGE, check_kind, read, worlds},
};

pub use ask::{Asked, InputColumn, Keeps, KeepsOfGroup, OutputColumn, ask};
pub use reach::Reach;

/// What a component is and what it asks for. Texts are without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its sha256, in lower-case hexadecimal.
    pub digest: String,
    /// Its size.
    pub bytes: usize,
    /// The interfaces of azud's that it exports: name and version.
    pub exports: Vec<(String, String)>,
    /// What it imports, in its order.
    pub imports: Vec<Import>,
}

/// Something that a component asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name: `wasi:http/outgoing-handler@0.2.4`.
    pub name: String,
    /// What it means.
    pub reach: Reach,
}

// === impl Inspection ===

impl Inspection {
    /// Inspects a file. It is compiled, and nothing of it is run.
    ///
    /// # Errors
    /// As `Plugin::load`, but what it imports is not held against it.
    pub fn load(sandbox: &Sandbox, path: &Path) -> Result<Self, LoadError> {
        Self::of_bytes(sandbox, &path.display().to_string(), &read(path)?)
    }

    /// The same for a component in memory; `name` is for messages.
    pub fn of_bytes(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        check_kind(name, bytes)?;
        let engine = &sandbox.engine;
        let component = sandbox.cache.compile(engine, name, bytes)?.component_type();
        // Refuses what has none, or one of another version.
        worlds(sandbox, name, &component)?;
        let exports = component.exports(engine).filter_map(|(export, _)| {
            let (interface, version) = export.strip_prefix(PACKAGE)?.split_once('@')?;
            Some((escaped(interface), escaped(version)))
        });
        let imports = component.imports(engine).map(|(import, item)| {
            let is_type = !matches!(
                item.ty,
                ComponentItem::ComponentInstance(_) | ComponentItem::ComponentFunc(_)
            );
            Import {
                name: escaped(import),
                reach: if is_type {
                    Reach::Types
                } else {
                    Reach::of(import)
                },
            }
        });
        Ok(Self {
            digest: digest(bytes),
            bytes: bytes.len(),
            exports: exports.collect(),
            imports: imports.collect(),
        })
    }

    /// Whether it exports an interface of azud's: `transform`.
    pub fn has(&self, interface: &str) -> bool {
        self.exports.iter().any(|(export, _)| export == interface)
    }

    /// Whether a host has everything that it asks for.
    pub fn can_run(&self) -> bool {
        self.imports
            .iter()
            .all(|import| import.reach != Reach::Foreign)
    }
}
