//! A plugin that cannot finish an epoch now and then, behind a journaled socket: the epoch
//! is rolled back and computed again, the process goes on, and no connection is closed.

use std::time::Duration;

use crate::data::{Row, row};
use crate::process::{log, start};
use crate::pushed::{Sender, drain, guest, manifest, place, visible, wait_for};
use crate::seeds;
use crate::verdict::{Verdict, table};

/// Some calls in the first seconds that fail for good: an epoch comes to as many as may be
/// rolled back in a row, and not to more.
fn misbehave(seed: u64) -> String {
    let faults = (0..5).map(|number| {
        let random = row(seed, 2_000, number).checksum();
        let call = ["prepare", "flush"][usize::try_from(random % 2).unwrap()];
        let from = 1 + random / 2 % 12;
        format!("{{ call: {call}, from: {from}, how: error }}")
    });
    faults.collect::<Vec<_>>().join(", ")
}

/// How often the epoch was rolled back.
fn run(seed: u64) -> usize {
    let (folder, port) = place();
    let folder = folder.path();
    let misbehave = misbehave(seed);
    let text = manifest(port, 1 + seed % 2, &misbehave);
    std::fs::write(folder.join("p.yaml"), text).unwrap();
    let mut child = start(folder, None, &[]);
    let sender = Sender::start(seed, 0, port);
    wait_for(folder, "rolled back", || {
        let calls = std::fs::read_to_string(folder.join("told/calls.txt")).unwrap_or_default();
        calls
            .lines()
            .filter(|line| line.starts_with("prepare"))
            .count()
            > 16
    });
    std::thread::sleep(Duration::from_millis(50));
    let sent = sender.end();
    wait_for(folder, "the last rows", || {
        let all = [visible(folder).len(), guest(folder).len()];
        all.iter().all(|rows| *rows as u64 >= sent)
    });
    drain(&mut child, folder);
    let expected: Vec<Row> = (0..sent).map(|sequence| row(seed, 0, sequence)).collect();
    for (name, found) in [
        ("all", table(&folder.join("all"))),
        ("guest", guest(folder)),
    ] {
        let verdict = Verdict::of(&expected, &found);
        let what = format!(
            "seed {seed}, {misbehave}: `{name}`: {verdict}\n{}",
            log(folder)
        );
        assert!(verdict.is_good(), "{what}");
    }
    let log = log(folder);
    log.matches("the epoch is rolled back").count()
}

#[test]
fn epochs_that_fail_are_rolled_back_while_rows_come_in() {
    let seeds = seeds(30);
    let count = seeds.end;
    let rolled_back: Vec<usize> = seeds.map(run).collect();
    assert!(
        rolled_back.iter().all(|times| *times > 0),
        "{rolled_back:?}"
    );
    println!(
        "{} rollbacks in {count} runs, no connection closed: 0 missing, 0 doubled, 0 corrupt, \
         0 reordered",
        rolled_back.iter().sum::<usize>()
    );
}
