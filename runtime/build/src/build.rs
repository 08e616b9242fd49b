//! The build: what is stale is made, under a lock, and moved into place.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    BuildError, World,
    cargo::{self, Again},
    component,
    files::{folder_of, lock, place},
    package::Package,
    shared::Shared,
    stamp,
};

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
    force: bool,
    show: bool,
}

/// What a build has made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Built {
    /// The component.
    pub component: PathBuf,
    /// What kind of plugin it is.
    pub world: World,
    /// Whether it was made now; else it was up to date.
    pub now: bool,
}

// === impl Builder ===

impl Builder {
    /// The usual places.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where a copy of the component goes; in a folder it is `<name>.wasm`.
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

    /// Whether to ask cargo also where the component is up to date.
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Whether what cargo says goes to stderr as it comes. Else it is kept for
    /// the error.
    pub fn show(mut self, show: bool) -> Self {
        self.show = show;
        self
    }

    /// Builds the plugin in `source_dir` where it is out of date. Answers with
    /// the component.
    pub fn build(&self, source_dir: &Path) -> Result<PathBuf, BuildError> {
        self.run(source_dir).map(|built| built.component)
    }

    /// The same, and says what was done.
    pub fn run(&self, source_dir: &Path) -> Result<Built, BuildError> {
        let package = Package::find(source_dir)?;
        let own = package.folder.join("target").join("azud");
        fs::create_dir_all(&own).map_err(BuildError::place(&own))?;
        let component = own.join(format!("{}.wasm", package.name));
        let now = self.bring_up_to_date(&package, &own, &component)?;
        let component = match &self.out {
            Some(out) => copy(&component, out, &package)?,
            None => component,
        };
        Ok(Built {
            component,
            world: package.world(),
            now,
        })
    }

    /// Answers whether there was something to do.
    fn bring_up_to_date(
        &self,
        package: &Package,
        own: &Path,
        component: &Path,
    ) -> Result<bool, BuildError> {
        let stamp = appended(component, ".inputs");
        let is_current = || stamp::is_current(&stamp, component, &package.folder);
        if !self.force && is_current() {
            return Ok(false);
        }
        let lock = lock(&appended(component, ".lock"), own)?;
        // Another build may have made it while this one waited.
        if !self.force && is_current() {
            return Ok(false);
        }
        let begun = touch(&lock).map_err(BuildError::place(own))?;
        let changed = stamp::changed(&stamp);
        let (wasm, dep_info) = self.compile(package, own, &changed)?;
        place(component, &wasm)?;
        let inputs = stamp::inputs(&dep_info, &package.folder);
        // Cargo writes the lock file itself, when there is none.
        let sources = inputs.iter().filter(|input| !input.ends_with("Cargo.lock"));
        if !stamp::changed_since(begun, &sources.cloned().collect()) {
            let text = stamp::of(component, &package.folder, &inputs);
            place(&stamp, text.as_bytes())?;
        }
        Ok(true)
    }

    /// The component, and the compiler's list of what went into it.
    fn compile(
        &self,
        package: &Package,
        own: &Path,
        changed: &[PathBuf],
    ) -> Result<(Vec<u8>, String), BuildError> {
        let shared = self.target_dir.as_deref();
        let mut shared = shared.map(Shared::lock).transpose()?;
        let known = shared.as_mut().is_none_or(|shared| shared.begin(package));
        let again = Again {
            changed,
            all: self.force || !known,
        };
        let target_dir = match &shared {
            Some(shared) => shared.folder.clone(),
            None => own.join("cargo"),
        };
        let module = cargo::build(package, &target_dir, &again, self.show)?;
        let component = component::of(&module.wasm, package)?;
        let dep_info = fs::read_to_string(&module.dep_info)
            .map_err(BuildError::file("read", &module.dep_info))?;
        if let Some(shared) = &mut shared {
            shared.end(package);
        }
        Ok((component, dep_info))
    }
}

/// Copies the component to where it was asked for.
fn copy(component: &Path, out: &Path, package: &Package) -> Result<PathBuf, BuildError> {
    let is_folder = out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/");
    let out = match is_folder {
        true => out.join(format!("{}.wasm", package.name)),
        false => out.to_owned(),
    };
    let folder = folder_of(&out);
    fs::create_dir_all(folder).map_err(BuildError::file("create", folder))?;
    let bytes = fs::read(component).map_err(BuildError::file("read", component))?;
    if !may_be_replaced(&out) {
        return Err(BuildError::Occupied(out));
    }
    // Who watches the file, or its age, sees a change only where there is one.
    if fs::read(&out).ok().as_ref() != Some(&bytes) {
        place(&out, &bytes)?;
    }
    Ok(out)
}

/// Whether nothing is lost with what is there: a component, or an empty file. A
/// device and a source are not meant.
fn may_be_replaced(out: &Path) -> bool {
    let Ok(metadata) = fs::metadata(out) else {
        return true;
    };
    let mut start = [0; 4];
    let mut is_component = || {
        let file = File::open(out).and_then(|mut file| file.read_exact(&mut start));
        file.is_ok() && start == *b"\0asm"
    };
    metadata.is_file() && (metadata.len() == 0 || is_component())
}

/// What time the file system has now.
fn touch(lock: &File) -> io::Result<SystemTime> {
    let mut lock = lock;
    lock.write_all(b".")?;
    lock.metadata()?.modified()
}

fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
