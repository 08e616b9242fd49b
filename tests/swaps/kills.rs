//! A crash at each step of a swap: the next start has one version, which its log names, and every
//! row is there once.

use crate::all;
use crate::bad::MANIFEST;
use crate::components::{bad, good};
use crate::pipeline::Folder;
use crate::rows::{assert_exact, by_epoch, versions};

/// Where it is killed, in the order in which a swap comes there.
const STEPS: &[&str] = &[
    "after-staging",
    "before-swap",
    "after-swap-in-lane",
    "before-record-of-swap",
    "after-record-of-swap",
    "after-swap-back",
];

/// As long as a process that kills itself says.
const KILLED: Option<i32> = None;

fn killed(step: &str, seed: u64) {
    let what = format!("{step} {seed}");
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    // The first swap goes well, unless that is where it is killed; one in each lane.
    let count = match step {
        "after-swap-in-lane" => 1 + seed % 4,
        "after-swap-back" => 1,
        _ => 1 + seed % 2,
    };
    let at = format!("{step}:{count}");
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", &at)]);
    pipeline.wait_for_rows();
    let mut last = 1;
    let mut asked = 0;
    for number in 2..6 {
        let component = match step {
            "after-swap-back" => bad(
                "process",
                ["fails", "rejects-with-controls"][seed as usize % 2],
            ),
            _ => good(number),
        };
        asked = number;
        match pipeline.reload("evil", &component).code {
            Some(0) => last = number,
            // Nobody answers any more.
            _ => break,
        }
    }
    let told = pipeline.ended(KILLED);
    // Nobody has put the component where the manifest looks: the next start says what it runs.
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    let asked_again = pipeline.reload("evil", &good(9));
    assert_eq!(asked_again.code, Some(0), "{what}: {}", asked_again.text);
    let again = pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    let rows = assert_exact(&epochs);
    let versions = versions(&epochs);
    println!("{what}: {rows} rows of {versions:?}");
    let was_recorded = versions
        .iter()
        .any(|version| *version == format!("v{asked}"));
    assert!(
        versions.len() <= asked as usize + 2 && !versions.contains(&"bad".to_owned()),
        "{what}: {versions:?} {told:#?}"
    );
    // What had not begun, or was not recorded, has given nothing.
    if matches!(
        step,
        "after-staging" | "before-swap" | "before-record-of-swap"
    ) {
        assert!(!was_recorded, "{what}: {versions:?}");
    }
    if step == "after-record-of-swap" {
        assert!(was_recorded, "{what}: {versions:?}");
    }
    if last > 1 || was_recorded {
        let told = again
            .iter()
            .any(|line| line.contains("another version of its plugin"));
        assert!(told, "{what}: {again:#?}");
    }
}

#[test]
fn a_crash_at_any_step_leaves_one_version() {
    let seeds = if all() { 9 } else { 1 };
    for seed in 0..seeds {
        for step in STEPS {
            killed(step, seed);
        }
    }
}
