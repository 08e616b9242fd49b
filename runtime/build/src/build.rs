//! The build: what is stale is made, under a lock, and moved into place.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{BuildError, cargo, component, package::Package, stamp};

/// Builds the plugin in `source_dir` where it is out of date. Answers with the
/// component: `out`, or `<source_dir>/target/azud/<name>.wasm`.
pub fn build(source_dir: &Path, out: Option<&Path>) -> Result<PathBuf, BuildError> {
    let builder = Builder::new();
    match out {
        Some(out) => builder.out(out).build(source_dir),
        None => builder.build(source_dir),
    }
}

/// A build with other than the usual places.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    out: Option<PathBuf>,
    target_dir: Option<PathBuf>,
}

// === impl Builder ===

impl Builder {
    /// The usual places.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the component goes.
    pub fn out(mut self, out: impl Into<PathBuf>) -> Self {
        self.out = Some(out.into());
        self
    }

    /// Where cargo keeps what it compiled; by default in the source's `target`.
    /// Plugins that share it compile their common dependencies once. Never the
    /// folder of a build that is running: it would wait for itself.
    pub fn target_dir(mut self, target_dir: impl Into<PathBuf>) -> Self {
        self.target_dir = Some(target_dir.into());
        self
    }

    /// Builds the plugin in `source_dir` where it is out of date.
    pub fn build(&self, source_dir: &Path) -> Result<PathBuf, BuildError> {
        let package = Package::find(source_dir)?;
        let own = package.folder.join("target").join("azud");
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| own.join(format!("{}.wasm", package.name)));
        let folder = out
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(BuildError::file("create", folder))?;
        let stamp = appended(&out, ".inputs");
        if stamp::is_current(&stamp, &out) {
            return Ok(out);
        }
        let lock = lock(&appended(&out, ".lock"))?;
        // Another build may have made it while this one waited.
        if stamp::is_current(&stamp, &out) {
            return Ok(out);
        }
        let begun = touch(&lock).map_err(BuildError::file("write", &out))?;
        let target_dir = self.target_dir.clone().unwrap_or_else(|| own.join("cargo"));
        let module = cargo::build(&package, &target_dir)?;
        let component = component::encode(&module.wasm, &package)?;
        let dep_info = fs::read_to_string(&module.dep_info)
            .map_err(BuildError::file("read", &module.dep_info))?;
        place(&out, &component)?;
        let inputs = stamp::inputs(&dep_info, &package.folder);
        // Cargo writes the lock file itself, when there is none.
        let sources = inputs.iter().filter(|input| !input.ends_with("Cargo.lock"));
        if !stamp::changed_since(begun, &sources.cloned().collect()) {
            place(&stamp, stamp::of(&out, &inputs).as_bytes())?;
        }
        Ok(out)
    }
}

/// Held until the file is dropped, or the process ends.
fn lock(path: &Path) -> Result<File, BuildError> {
    let file = File::create(path).map_err(BuildError::file("create", path))?;
    file.lock().map_err(BuildError::file("lock", path))?;
    Ok(file)
}

/// What time the file system has now.
fn touch(lock: &File) -> io::Result<SystemTime> {
    let mut lock = lock;
    lock.write_all(b".")?;
    lock.metadata()?.modified()
}

/// Writes a file by rename: whoever reads it sees the old one or the new one.
fn place(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(BuildError::file("write in", folder))?;
    file.write_all(content)
        .map_err(BuildError::file("write", path))?;
    file.persist(path)
        .map_err(|error| BuildError::file("write", path)(error.error))?;
    Ok(())
}

fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
