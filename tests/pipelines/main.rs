//! Runs every folder beside this file as a test, see README.md.

#![expect(clippy::unwrap_used, reason = "a test")]

mod case;

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = folders()
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            Trial::test(name, move || case::run(&folder).map_err(Into::into))
        })
        .collect();
    trials.sort_by(|left, right| left.name().cmp(right.name()));
    assert!(
        !trials.is_empty(),
        "no cases: the tests would prove nothing"
    );
    libtest_mimic::run(&arguments, trials).exit();
}

fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/pipelines");
    std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("pipeline.yaml").exists())
        .collect()
}
