//! What can go wrong between a source folder and a component.

use std::{io, path::PathBuf};

/// A plugin could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder holds no Rust package.
    #[error("{} has no Cargo.toml: a plugin's source is a folder with a Rust package", .0.display())]
    NoPackage(PathBuf),
    /// The package has no name.
    #[error("{} has no `name` under [package]", .0.display())]
    NoName(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program could not be started.
    #[error(
        "cannot run {program}: {source}; install Rust with rustup, or use `path:` with a built plugin"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The target for WebAssembly is missing and could not be added.
    #[error(
        "the Rust target {target} is missing and `rustup target add {target}` failed:\n{output}"
    )]
    Target {
        /// The target.
        target: &'static str,
        /// What rustup said.
        output: String,
    },
    /// The compiler refused the source.
    #[error("building {} failed:\n{output}", source_dir.display())]
    Compile {
        /// The plugin's folder.
        source_dir: PathBuf,
        /// What cargo and the compiler said.
        output: String,
    },
    /// The package makes no WebAssembly module.
    #[error("{} makes no WebAssembly module: add `crate-type = [\"cdylib\", \"lib\"]` under [lib]", .0.display())]
    NoModule(PathBuf),
    /// The module is no plugin.
    #[error("{} is no plugin: {reason}; export one with `azud_plugin::transform!(Type)`", source_dir.display())]
    Encode {
        /// The plugin's folder.
        source_dir: PathBuf,
        /// Why not.
        reason: String,
    },
}

// === impl BuildError ===

impl BuildError {
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
