//! The empty world that a plugin built for WASI 0.2 finds: no arguments, no
//! environment, no files, clocks at zero, the same random numbers every time.

use wasmtime::component::{Component, Linker};

use crate::host::Host;

/// Whether an import belongs to the empty world.
pub(crate) fn offers(import: &str) -> bool {
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/", "wasi:http/"]
        .iter()
        .any(|package| import.starts_with(package) && import.contains("@0.2."))
}

/// Defines what the component imports of WASI.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> wasmtime::Result<()> {
    linker.define_unknown_imports_as_traps(component)
}
