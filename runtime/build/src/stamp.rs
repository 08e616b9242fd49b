//! Whether a component is up to date: the digests of all that went into it.
//!
//! The list of files is the compiler's own (cargo's dep-info), so it has path
//! dependencies, included files and the contract in it; manifests and the lock
//! file are added.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

/// Changes when the same sources would make another component.
const VERSION: &str = concat!("azud-build ", env!("CARGO_PKG_VERSION"), " component 2");

/// The digest of a file that is not there.
const NONE: &str = "none";

/// Whether the stamp describes the files of `folder` as they are now. A stamp that
/// was copied with its folder speaks of the files of the other.
pub(crate) fn is_current(stamp: &Path, component: &Path, folder: &Path) -> bool {
    let Ok(text) = fs::read_to_string(stamp) else {
        return false;
    };
    let mut lines = text.lines();
    let whole = lines.next() == Some(VERSION) && text.ends_with('\n');
    let of = format!("folder {}", folder.display());
    whole
        && lines.next() == Some(&of)
        && lines
            .next()
            .and_then(|line| line.strip_prefix("component "))
            == digest(component).as_deref()
        && lines.all(|line| input(line).is_some_and(|(_, same)| same))
}

/// The inputs that are not as the stamp says. What an older version of this crate
/// stamped, cargo judges alone.
pub(crate) fn changed(stamp: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(stamp).unwrap_or_default();
    let lines = text.lines().skip(3).filter_map(input);
    lines
        .filter(|(_, same)| !same)
        .map(|(path, _)| path)
        .collect()
}

/// A line of a stamp: a file, and whether it has the content that it had.
fn input(line: &str) -> Option<(PathBuf, bool)> {
    let (was, path) = line.split_once(' ')?;
    let path = PathBuf::from(path);
    let same = digest(&path).as_deref().unwrap_or(NONE) == was;
    Some((path, same))
}

/// The stamp of a component that was just made of `inputs`, for the package in `folder`.
pub(crate) fn of(component: &Path, folder: &Path, inputs: &BTreeSet<PathBuf>) -> String {
    let mut text = format!(
        "{VERSION}\nfolder {}\ncomponent {}\n",
        folder.display(),
        digest(component).unwrap_or_default()
    );
    for input in inputs {
        // A file that is not there (a lock file, a rust-toolchain.toml) counts as well: it may come.
        let digest = digest(input).unwrap_or_else(|| NONE.into());
        let _ = writeln!(text, "{digest} {}", input.display());
    }
    text
}

/// The inputs that a dep-info file names, with the manifests above them.
pub(crate) fn inputs(dep_info: &str, folder: &Path) -> BTreeSet<PathBuf> {
    let mut inputs: BTreeSet<PathBuf> = dep_info
        .lines()
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, files)| split_escaped(files))
        .collect();
    let sources: BTreeSet<PathBuf> = inputs
        .iter()
        .filter_map(|file| file.parent().map(Path::to_owned))
        .collect();
    inputs.extend(sources.iter().flat_map(|source| manifests(source)));
    inputs.extend(manifests(folder));
    // These may come: then the plugin is another one.
    let own = ["Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"];
    inputs.extend(own.map(|file| folder.join(file)));
    inputs
}

/// The manifests above a folder up to its workspace's, each with the lock file beside it.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for above in folder.ancestors() {
        let manifest = above.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else {
            continue;
        };
        found.extend([manifest, above.join("Cargo.lock")]);
        if text
            .lines()
            .any(|line| line.trim().starts_with("[workspace"))
        {
            break;
        }
    }
    found
}

/// Whether a file was saved since `begun`: then nobody knows which version went into the component.
pub(crate) fn changed_since(begun: SystemTime, inputs: &BTreeSet<PathBuf>) -> bool {
    let saved = |input: &PathBuf| fs::metadata(input).and_then(|input| input.modified()).ok();
    inputs.iter().filter_map(saved).any(|saved| saved >= begun)
}

/// Paths are separated by spaces; a space within one is escaped.
fn split_escaped(files: &str) -> Vec<PathBuf> {
    let files = files.replace("\\ ", "\0");
    files
        .split(' ')
        .filter(|file| !file.is_empty())
        .map(|file| PathBuf::from(file.replace('\0', " ")))
        .collect()
}

fn digest(file: &Path) -> Option<String> {
    let content = fs::read(file).ok()?;
    Some(
        Sha256::digest(content)
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
    )
}
