//! Rows on which a plugin never comes back: how long they are looked for.

use crate::guest::run_batches;

/// A thousand numbers, and a 77, which loops, at one place.
fn batch(bad: usize) -> Vec<i64> {
    let number = |row: usize| if row == bad { 77 } else { 1_000 + row as i64 };
    (0..1_000).map(number).collect()
}

/// The search shall take 0.5 s; a machine that does much else is given ten times that.
#[track_caller]
fn check(batches: &[Vec<i64>], bad: usize) {
    let ended = run_batches(batches, "");
    ended.outcome.as_ref().unwrap();
    let count = batches.len() * 1_000;
    assert_eq!(ended.passed.len(), count - 1);
    let [(position, reason, _)] = ended.rejected.as_slice() else {
        panic!("{} rows are rejected, not one", ended.rejected.len())
    };
    assert_eq!(*position, (count - 1_000 + bad) as u64 + 1);
    assert!(reason.contains("(limits: deadline)"), "{reason}");
    let search = ended.seconds - 1.0;
    println!(
        "row {bad} of 1,000, batch {}: {search:.3} s after the deadline",
        batches.len()
    );
    assert!(search < 5.0, "{search} s");
}

#[test]
fn a_looping_row_of_the_first_batch_is_found_fast() {
    for bad in [0, 1, 499, 500, 750, 999] {
        check(&[batch(bad)], bad);
    }
}

#[test]
fn a_looping_row_of_a_later_batch_is_found_fast() {
    let good = 1_000_000;
    for bad in [0, 499, 999] {
        check(&[batch(good), batch(good), batch(bad)], bad);
    }
}
