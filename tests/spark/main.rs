//! Every query of `*/cases` gives the rows that Spark gave, see README.md.

#![expect(clippy::unwrap_used, reason = "a test")]

mod case;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use case::Case;
use libtest_mimic::{Arguments, Trial};

/// One lane has everything; of several, some have nothing.
const LANES: [usize; 2] = [1, 3];

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spark");
    let mut trials = Vec::new();
    for (group, path) in cases(&folder) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = Arc::new(Case::read(&path));
        for mode in case.modes() {
            let (of, name) = (Arc::clone(&case), format!("{group}/{name}/{mode}"));
            let runs = move |mode: &str| LANES.iter().try_for_each(|lanes| of.run(mode, *lanes));
            trials.push(Trial::test(name, move || runs(&mode).map_err(Into::into)));
        }
    }
    trials.sort_by(|left, right| left.name().cmp(right.name()));
    assert!(
        trials.len() > 700,
        "only {} runs: the tests would prove little",
        trials.len()
    );
    libtest_mimic::run(&arguments, trials).exit();
}

/// The files of all groups.
fn cases(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for group in fs::read_dir(folder).unwrap() {
        let group = group.unwrap();
        let name = group.file_name().to_string_lossy().into_owned();
        for case in fs::read_dir(group.path().join("cases"))
            .into_iter()
            .flatten()
        {
            found.push((name.clone(), case.unwrap().path()));
        }
    }
    found
}
