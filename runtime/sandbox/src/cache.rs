//! Compiled code on disk, so that a plugin that is known starts in milliseconds.
//!
//! An entry is wasmtime's own artifact, sealed. The file's name is the digest of all
//! that the code depends on: the component, wasmtime's version, the engine's
//! settings. Entries appear by rename. One that is damaged is compiled again.

mod size;

use std::{
    fmt::Write as _,
    fs,
    hash::{Hash, Hasher},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::{Compiler, LoadError, limits::REASON, log, pages::Pages, sealed::Kind};

/// A folder of compiled code, or none, and who compiles what is not in it.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    compiler: Option<Compiler>,
    settings: [u8; 32],
}

// === impl Cache ===

impl Cache {
    pub(crate) fn new(
        folder: Option<PathBuf>,
        compiler: Option<Compiler>,
        engine: &Engine,
    ) -> Self {
        let mut settings = Digester(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut settings);
        Self {
            folder,
            compiler,
            settings: settings.0.finalize().into(),
        }
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The compiled component of these bytes, from the cache where it is there;
    /// `name` is for messages.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
    ) -> Result<Component, LoadError> {
        let entry = self
            .folder
            .as_ref()
            .map(|folder| folder.join(self.name(bytes)));
        if let Some(component) = entry.as_deref().and_then(|entry| load(engine, entry)) {
            return Ok(component);
        }
        let keep = |code: &[u8]| {
            if let (Some(entry), Some(folder)) = (&entry, &self.folder) {
                // A cache that cannot be written costs time, not correctness.
                let _ = store(folder, entry, code).and_then(|()| size::keep_within(folder));
            }
        };
        let Some(compiler) = &self.compiler else {
            let component = Component::new(engine, bytes).map_err(|error| LoadError::Compile {
                name: name.into(),
                reason: log::clean(&format!("{error:#}"), REASON),
            })?;
            if self.folder.is_some() {
                let _ = component.serialize().map(|code| keep(&code));
            }
            return Ok(component);
        };
        let code = compiler.compile(name, bytes)?;
        let component = deserialize(engine, &code).ok_or_else(|| LoadError::Compiler {
            name: name.into(),
            reason: "it belongs to another version of azud".into(),
        })?;
        keep(&code);
        Ok(component)
    }

    fn name(&self, bytes: &[u8]) -> String {
        let digest = Sha256::new()
            .chain_update(Sha256::digest(bytes))
            .chain_update(self.settings)
            .finalize();
        format!("{}.cwasm", hex(&digest))
    }
}

/// Reads an entry that this host wrote, whole; else none.
fn load(engine: &Engine, entry: &Path) -> Option<Component> {
    if !is_private(entry.parent()?) {
        return None;
    }
    let file = fs::File::open(entry).ok()?;
    let mut sealed = Pages::default();
    sealed.read(&file, u64::MAX).ok()?;
    size::used(&file);
    deserialize(engine, Kind::Code.open(&sealed)?)
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check machine code, only this host can"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the code was serialised by this wasmtime with these settings (the
    // entry's name is their digest, and wasmtime checks its own header), it is
    // what was written (the seal), and nobody else could write it: it comes from
    // a folder that is the user's and private, or from a process of this program.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn store(folder: &Path, entry: &Path, code: &[u8]) -> io::Result<()> {
    make_private(folder)?;
    let temporary = entry.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(code)?;
        file.write_all(&Kind::Code.trailer(code))
    });
    written
        .and_then(|()| fs::rename(&temporary, entry))
        .inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    if is_private(folder) {
        return Ok(());
    }
    // A folder that is there already is somebody's, and is left as it is: unless it
    // is an empty one of this user's own, that nobody else could write to.
    let metadata = fs::metadata(folder)?;
    let own = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == metadata.uid());
    let is_new = metadata.mode() & 0o022 == 0 && fs::read_dir(folder)?.next().is_none();
    match own && is_new {
        true => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

/// Whether only this process's user can write there: not root, with the folder
/// of another user's home.
#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let own = fs::metadata("/proc/self").map(|own| own.uid());
    fs::metadata(folder).is_ok_and(|folder| {
        folder.mode() & 0o077 == 0 && own.map_or(true, |own| own == folder.uid())
    })
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> bool {
    true
}

/// The sha256 of a component in lower-case hexadecimal digits, as `sha256:` in a
/// manifest wants it.
pub fn digest(component: &[u8]) -> String {
    hex(&Sha256::digest(component))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Hashes what wasmtime says of its settings with a hash that does not change.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
