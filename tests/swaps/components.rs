//! Versions of one component.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A component, built once.
fn component(built_once: &'static OnceLock<Vec<u8>>, folder: &str) -> &'static [u8] {
    built_once.get_or_init(|| fs::read(built(folder)).unwrap())
}

/// The component of a plugin's folder in the repository.
pub(crate) fn built(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Not the folder of the build that runs this test: it would wait for itself.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let builder = azud_build::Builder::new().target_dir(target);
    builder.build(&root.join(folder)).unwrap()
}

/// A version that says `v<number>` of rows.
pub(crate) fn good(number: u32) -> Vec<u8> {
    version(&format!(r#"{{"said":"v{number}"}}"#))
}

/// One that harms rows whose number is 7, or where it is opened.
pub(crate) fn bad(place: &str, how: &str) -> Vec<u8> {
    version(&format!(
        r#"{{"said":"bad","where":"{place}","how":"{how}"}}"#
    ))
}

/// One that is configured so, whatever its node says.
pub(crate) fn version(config: &str) -> Vec<u8> {
    static EVIL: OnceLock<Vec<u8>> = OnceLock::new();
    let component = component(&EVIL, "tests/evil/guest");
    marked(component, ("azud-evil-version:", 128), config)
}

/// A version of `tests/guests/totals`: its number, and how its migration fails.
pub(crate) fn totals(version: &str) -> Vec<u8> {
    static TOTALS: OnceLock<Vec<u8>> = OnceLock::new();
    let component = component(&TOTALS, "tests/guests/totals");
    marked(component, ("azud-totals-version:", 64), version)
}

/// A version of `tests/guests/sums`: the same.
pub(crate) fn sums(version: &str) -> Vec<u8> {
    static SUMS: OnceLock<Vec<u8>> = OnceLock::new();
    let component = component(&SUMS, "tests/guests/sums");
    marked(component, ("azud-sums-version:", 64), version)
}

/// Writes a text behind a mark, which may be so long with it.
fn marked(component: &[u8], (mark, length): (&str, usize), text: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let at = bytes
        .windows(mark.len())
        .position(|part| part == mark.as_bytes());
    let at = at.unwrap();
    let text = [mark, text].concat();
    assert!(text.len() <= length, "{text} is too long");
    bytes[at..at + length].fill(b' ');
    bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// The same component with another digest: bytes that say nothing are added, as a custom section.
pub(crate) fn renamed(component: &Path, name: &str) -> Vec<u8> {
    let mut bytes = fs::read(component).unwrap();
    let length = u8::try_from(name.len()).unwrap();
    assert!(length < 127, "one byte of LEB128");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}
