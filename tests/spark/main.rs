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

/// Where a run is killed, and when: each query at one of them.
const KILLS: [&str; 6] = [
    "before-record:2",
    "after-record:1",
    "in-commit:2",
    "after-commit:1",
    "after-record:3",
    "after-commit:2",
];

/// Of the runs that are killed CI has a tenth; `AZUD_FAULTS=all` has all.
fn is_killed(number: usize) -> bool {
    number.is_multiple_of(10) || std::env::var("AZUD_FAULTS").as_deref() == Ok("all")
}

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spark");
    let mut trials = Vec::new();
    let mut found = cases(&folder);
    found.sort();
    let mut kills = KILLS.iter().cycle();
    for (number, (group, path)) in found.into_iter().enumerate() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = Arc::new(Case::read(&path));
        for mode in case.modes() {
            let (of, name) = (Arc::clone(&case), format!("{group}/{name}/{mode}"));
            let runs = move |mode: &str| LANES.iter().try_for_each(|lanes| of.run(mode, *lanes));
            let (killed, of_killed) = (Arc::clone(&case), (name.clone(), mode.clone()));
            trials.push(Trial::test(name, move || runs(&mode).map_err(Into::into)));
            let (Some(kill_at), true) = (kills.next(), is_killed(number)) else {
                continue;
            };
            let (name, mode) = of_killed;
            let name = format!("{name}/killed");
            let run = move || killed.killed(&mode, kill_at).map_err(Into::into);
            trials.push(Trial::test(name, run));
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
