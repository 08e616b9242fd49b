//! The engine that all plugins of a process share.

use std::{
    io,
    path::{Path, PathBuf},
};

use wasmtime::{Config, Engine};

use crate::{Compiler, cache::Cache, limits::STACK, tick::Ticks};

/// What a sandbox is made with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where compiled code is kept; nowhere where it is not given. Code in this
    /// folder is run: it must belong to the user, and is made private.
    pub cache: Option<PathBuf>,
    /// Who compiles what is not in the cache; where it is not given, this process
    /// does, without a limit.
    pub compiler: Option<Compiler>,
}

/// Compiles and runs plugins. One a process; cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) ticks: Ticks,
    pub(crate) cache: Cache,
}

// === impl Sandbox ===

impl Sandbox {
    /// Starts the engine and its tick.
    ///
    /// # Errors
    /// Where the machine cannot run compiled code, or gives no thread.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let engine = Engine::new(&config())
            .map_err(|error| io::Error::other(format!("cannot start the sandbox: {error:#}")))?;
        let ticks = Ticks::start(&engine)?;
        let cache = Cache::new(settings.cache, settings.compiler, &engine);
        Ok(Self {
            engine,
            ticks,
            cache,
        })
    }

    /// Where compiled code is kept: nobody else may write there.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.cache.folder()
    }
}

/// The settings that code is compiled for, and run with.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Calls are synchronous; support for concurrent ones makes each dearer.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}
