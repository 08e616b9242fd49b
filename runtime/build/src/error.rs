//! What can go wrong between a source folder and a component.

use std::{io, path::PathBuf};

/// A plugin could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no such folder.
    #[error("{} is not there: a plugin's source is a folder with a Rust package", .0.display())]
    Nothing(PathBuf),
    /// A file was named instead of its folder.
    #[error("{} is a file: name the folder of the plugin's Rust package", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds no Rust package.
    #[error("{} has no Cargo.toml: a plugin's source is a folder with a Rust package", .0.display())]
    NoPackage(PathBuf),
    /// The package has no name.
    #[error("{} has no `name` under [package]", .0.display())]
    NoName(PathBuf),
    /// The package's manifest cannot be read, or asks for what there is not.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The `Cargo.toml`.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
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
    /// There is no place for what is built.
    #[error(
        "cannot write to {}: {source}; what is built goes there: make it writable, or copy the plugin's folder to where you may write",
        path.display()
    )]
    Place {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something else is where the component should go.
    #[error("{} is there, and is no component: name another file with -o", .0.display())]
    Occupied(PathBuf),
    /// A program could not be started.
    #[error(
        "cannot run {program}: {source}; install Rust with rustup (https://rustup.rs), or use `path:` with a built plugin"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The target for WebAssembly is missing, and so is what could add it.
    #[error(
        "the Rust target {target} is missing, and rustup, which adds it, cannot be run: {source}; install Rust with rustup (https://rustup.rs)"
    )]
    NoRustup {
        /// The target.
        target: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The target for WebAssembly is missing and could not be added.
    #[error(
        "the Rust target {target} is missing and `rustup target add {target}` failed; is there a network?\n{output}"
    )]
    Target {
        /// The target.
        target: &'static str,
        /// What rustup said.
        output: String,
    },
    /// Crates that the plugin depends on could not be fetched.
    #[error(
        "cannot fetch the crates that {} depends on; is there a network? once they are fetched, none is needed\n{output}",
        source_dir.display()
    )]
    Fetch {
        /// The plugin's folder.
        source_dir: PathBuf,
        /// What cargo said.
        output: String,
    },
    /// Crates that run while others are compiled need a linker.
    #[error(
        "building {} needs a C compiler: install one, so that `cc` is found\n{output}",
        source_dir.display()
    )]
    Linker {
        /// The plugin's folder.
        source_dir: PathBuf,
        /// What cargo said.
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
    /// What was built is no plugin, or another than the package says.
    #[error("{} is no plugin: {reason}", source_dir.display())]
    NoPlugin {
        /// The plugin's folder.
        source_dir: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What cargo says when it could not fetch.
const UNFETCHED: [&str; 8] = [
    "--offline was specified",
    "offline mode",
    "failed to download",
    "failed to fetch",
    "resolve host",
    "failed to connect",
    "could not connect",
    "spurious network error",
];

// === impl BuildError ===

impl BuildError {
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    pub(crate) fn place(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Place { path, source }
    }

    pub(crate) fn missing(program: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Missing { program, source }
    }

    /// Of a cargo that failed and said why.
    pub(crate) fn of_cargo(source_dir: PathBuf, stderr: &[u8]) -> Self {
        let output = String::from_utf8_lossy(stderr).trim_end().to_owned();
        // Once something was compiled, all was fetched, and such words are the source's.
        let compiled = output.contains("could not compile");
        let said = output.to_lowercase();
        if output.contains("linker `cc` not found") {
            Self::Linker { source_dir, output }
        } else if !compiled && UNFETCHED.iter().any(|words| said.contains(words)) {
            Self::Fetch { source_dir, output }
        } else {
            Self::Compile { source_dir, output }
        }
    }

    /// What to say where cargo's own words were shown already
    /// ([`Builder::show`](crate::Builder::show)): the same without them.
    pub fn brief(&self) -> String {
        let text = self.to_string();
        match self {
            Self::Fetch { .. } | Self::Linker { .. } | Self::Compile { .. } => text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .to_owned(),
            _ => text,
        }
    }
}
