//! Every query of `windows/cases` gives the rows that Spark gave, see README.md.

#![expect(clippy::unwrap_used, reason = "a test")]

mod case;
mod rows;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use case::Case;
use libtest_mimic::{Arguments, Trial};

/// One lane has everything; of several, some have nothing.
const LANES: [usize; 2] = [1, 3];

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spark/windows/cases");
    let mut trials = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = Arc::new(Case::read(&path));
        for mode in case.expected.keys() {
            let (of, mode) = (Arc::clone(&case), mode.clone());
            let runs = move |mode: &str| LANES.iter().try_for_each(|lanes| of.run(mode, *lanes));
            trials.push(Trial::test(format!("{name}/{mode}"), move || {
                runs(&mode).map_err(Into::into)
            }));
        }
    }
    trials.sort_by(|left, right| left.name().cmp(right.name()));
    assert!(
        trials.len() > 200,
        "only {} runs: the tests would prove little",
        trials.len()
    );
    libtest_mimic::run(&arguments, trials).exit();
}
