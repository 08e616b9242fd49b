//! The sandbox of this process, and the process that compiles for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use azud_sandbox::{Compiler, Sandbox, Settings};

use crate::args::CompileArguments;
use crate::failure::Failure;

/// The hidden command that [`compile`] is.
pub(crate) const COMPILE: &str = "compile-component";

/// Starts it.
pub(crate) fn start() -> Result<Sandbox, Failure> {
    let settings = Settings {
        cache: cache(),
        // Without a path to itself, it compiles itself.
        compiler: std::env::current_exe()
            .ok()
            .map(|program| Compiler::new(program, &[COMPILE])),
    };
    Sandbox::new(settings)
        .map_err(|error| Failure::Input(format!("cannot start the sandbox: {error}")))
}

/// Compiles the component on the standard input, for the process that started this one.
pub(crate) fn compile(arguments: &CompileArguments) -> Result<(), Failure> {
    azud_sandbox::compile_component(
        arguments.memory,
        Duration::from_secs(arguments.seconds),
        std::io::stdin().lock(),
        std::io::stdout().lock(),
    )
    .map_err(|error| Failure::Input(format!("cannot compile: {error}")))
}

/// Where compiled plugins are kept: `AZUD_CACHE`, or the user's cache folder.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(own) = folder("AZUD_CACHE") {
        return Some(own.into());
    }
    let user = folder("XDG_CACHE_HOME").map(PathBuf::from);
    let user = user.or_else(|| folder("HOME").map(|home| Path::new(&home).join(".cache")));
    user.map(|user| user.join("azud"))
}
