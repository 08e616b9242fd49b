//! Frozen components of each version of the contract go on running, see README.md.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../pipelines/case.rs"]
mod case;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use sha2::{Digest as _, Sha256};

fn main() {
    let arguments = Arguments::from_args();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat");
    let mut trials = Vec::new();
    for version in folders(&here, "SHA256SUMS") {
        let of = name(&version);
        for folder in folders(&version, "pipeline.yaml") {
            let name = format!("{of}/{}", name(&folder));
            trials.push(Trial::test(name, move || {
                case::run(&folder).map_err(Into::into)
            }));
        }
        let frozen = move || is_as_it_was(&version);
        trials.push(Trial::test(format!("{of} is frozen"), frozen));
    }
    assert!(
        trials.len() > 5,
        "hardly any component: the tests would prove nothing"
    );
    libtest_mimic::run(&arguments, trials).exit();
}

/// Every component, and every file of a checkpoint that it goes on with, has the digest that it
/// had when it was made, and none is gone.
fn is_as_it_was(version: &Path) -> Result<(), Failed> {
    let sums = fs::read_to_string(version.join("SHA256SUMS")).unwrap();
    let expected: BTreeMap<String, String> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, file)| (file.to_owned(), sum.to_owned()))
        .collect();
    let digest = |file: PathBuf| {
        let sum = Sha256::digest(fs::read(&file).unwrap_or_default());
        let sum = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = file.strip_prefix(version).unwrap();
        (file.to_string_lossy().into_owned(), sum)
    };
    let mut files = Vec::new();
    for folder in folders(version, "pipeline.yaml") {
        files.push(folder.join("plugin.wasm"));
        below(&folder.join("state"), &mut files);
    }
    let found: BTreeMap<String, String> = files.into_iter().map(digest).collect();
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "a frozen component is never built again nor removed, nor is its checkpoint\n--- SHA256SUMS\n{expected:#?}\n--- found\n{found:#?}"
        )
        .into()),
    }
}

/// The folders in a folder that have a file of that name.
fn folders(of: &Path, file: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(of)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join(file).exists())
        .collect();
    folders.sort();
    folders
}

/// All files below a folder, if it is there.
fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => below(&path, files),
            false => files.push(path),
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
