//! Rows on which a plugin traps: exactly those are rejected.

use std::collections::BTreeSet;

use azud_sandbox::{Plugin, Sandbox, Settings};

use crate::guest::{Ended, lines, picky, run_batches, run_source};
use crate::support::source;

/// Numbers that pass, and a 0, which traps, at these places.
fn numbers(count: usize, bad: &BTreeSet<usize>) -> Vec<i64> {
    let number = |row: usize| match bad.contains(&row) {
        true => 0,
        false => 1_000 + row as i64,
    };
    (0..count).map(number).collect()
}

#[track_caller]
fn assert_exact(ended: &Ended, count: usize, bad: &BTreeSet<usize>) {
    ended.outcome.as_ref().unwrap();
    let expected: Vec<i64> = numbers(count, bad)
        .into_iter()
        .filter(|n| *n != 0)
        .collect();
    assert!(ended.passed == expected, "other rows, or another order");
    let rejected: Vec<u64> = ended
        .rejected
        .iter()
        .map(|(position, ..)| *position)
        .collect();
    let expected: Vec<u64> = bad.iter().map(|row| *row as u64 + 1).collect();
    assert_eq!(rejected, expected);
}

#[test]
fn of_a_million_rows_the_37_that_trap_are_rejected() {
    let count = 1_000_000;
    let bad: BTreeSet<usize> = (1..=37).map(|row| row * 7_919 * 3 % count).collect();
    assert_eq!(bad.len(), 37);
    let records = source(&[lines(&numbers(count, &bad))], 4_096);
    let ended = run_source(records, "");
    assert_exact(&ended, count, &bad);
    println!("37 bad rows in a million: {:.2} s", ended.seconds);
    let sandbox = Sandbox::new(Settings::default()).unwrap();
    let digest = Plugin::load(&sandbox, &picky(), None)
        .unwrap()
        .digest()
        .to_owned();
    for (_, reason, plugin) in &ended.rejected {
        assert!(
            reason.starts_with("the plugin trapped: wasm `unreachable` instruction executed"),
            "{reason}"
        );
        assert_eq!(*plugin, digest);
    }
}

#[test]
fn neighbours_are_rejected_and_nothing_else() {
    for first in [0, 2_000, 9_963] {
        let bad: BTreeSet<usize> = (first..first + 37).collect();
        let ended = run_batches(&[numbers(10_000, &bad)], "");
        assert_exact(&ended, 10_000, &bad);
    }
}
