//! When the search gives a plugin up, and when it does not.

use std::time::Duration;

use azud_model::{Clock, ErrorKind};
use proptest::prelude::*;

use super::{Bad, Experience, Fake};

/// Batches of so many rows until the breaker opens: calls, time, message.
fn until_open(rows: usize, bad: Bad) -> (usize, Duration, String) {
    let (mut known, mut calls, mut time) = (Experience::default(), 0, Duration::ZERO);
    loop {
        let mut fake = Fake::new((0..rows).map(|row| (row, bad)));
        let outcome = fake.run(rows, &mut known);
        calls += fake.calls.len();
        time += fake.clock.elapsed();
        assert!(calls <= 50, "it has not opened after {calls} failures");
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Plugin);
            return (calls, time, error.to_string());
        }
    }
}

#[test]
fn a_plugin_that_always_traps_is_given_up_within_fifty_calls() {
    for rows in [1, 2, 3, 10, 100, 4096] {
        let (calls, _, message) = until_open(rows, Bad::Traps);
        assert_eq!(calls, 48, "batches of {rows}");
        assert!(
            message.starts_with(
                "the plugin fake.wasm failed 48 calls in a row, the last with: \
                 the plugin trapped: at "
            ),
            "{message}"
        );
    }
    assert_eq!(
        until_open(1, Bad::Traps).2,
        "the plugin fake.wasm failed 48 calls in a row, the last with: the plugin trapped: at 0; \
         it fails on rows 0..1: test it with that, look what it wants with \
         `azud inspect fake.wasm`, or use another version of it"
    );
}

#[test]
fn a_plugin_that_always_loops_is_given_up_in_seconds() {
    for rows in [1, 2, 10, 1_000, 4096] {
        let (calls, time, _) = until_open(rows, Bad::Loops);
        println!("batches of {rows} looping rows: {calls} calls, {time:?}");
        let most = if rows == 1 { 2_000 } else { 1_800 };
        assert!(time <= Duration::from_millis(most), "{time:?}");
    }
}

#[test]
fn a_plugin_that_has_worked_and_loops_since_is_given_up_too() {
    let mut known = Experience::default();
    Fake::new([]).run(4096, &mut known).unwrap();
    let mut fake = Fake::new((0..4096).map(|row| (row, Bad::Loops)));
    assert!(fake.run(4096, &mut known).is_err());
    assert!(fake.calls.len() <= 50);
    let time = fake.clock.elapsed();
    println!(
        "a batch of looping rows: {} calls, {time:?}",
        fake.calls.len()
    );
    assert!(time <= Duration::from_secs(2), "{time:?}");
}

/// A few rows that all loop are found, each: nothing says that others would.
#[test]
fn a_small_batch_of_looping_rows_is_rejected_row_by_row() {
    let mut known = Experience::default();
    Fake::new([]).run(4096, &mut known).unwrap();
    let mut fake = Fake::new((0..20).map(|row| (row, Bad::Loops)));
    fake.run(20, &mut known).unwrap();
    fake.assert_exact(20);
}

/// What is slow everywhere, but ends, is no loop.
#[test]
fn a_plugin_that_became_slow_is_not_given_up() {
    let mut known = Experience::default();
    Fake::new([]).run(4096, &mut known).unwrap();
    let mut fake = Fake::new([]);
    fake.takes.0 = Duration::from_millis(150);
    fake.takes.1 = Duration::from_millis(20);
    fake.run(100, &mut known).unwrap();
    fake.assert_exact(100);
}

/// Neighbours are a bad batch of their source, not a bad plugin.
#[test]
fn neighbours_are_found_wherever_they_are() {
    for bad in [Bad::Traps, Bad::Loops] {
        for rows in [100, 1_000, 4096] {
            for first in [0, 1, 30, rows / 2, rows - 38, rows - 37] {
                let mut fake = Fake::new((first..first + 37).map(|row| (row, bad)));
                fake.run(rows, &mut Experience::default()).unwrap();
                fake.assert_exact(rows);
            }
        }
    }
}

/// Each in a batch of its own: a trickle.
#[test]
fn neighbours_in_batches_of_one_row_are_found() {
    for bad in [Bad::Traps, Bad::Loops] {
        let mut known = Experience::default();
        for row in 0..80 {
            let is_bad = (20..57).contains(&row);
            let mut fake = Fake::new(is_bad.then_some((0, bad)));
            fake.run(1, &mut known).unwrap();
            fake.assert_exact(1);
        }
    }
}

#[test]
fn what_the_plugin_says_itself_never_opens_it() {
    let mut fake = Fake::new((0..4096).map(|row| (row, Bad::Fails)));
    fake.run(4096, &mut Experience::default()).unwrap();
    fake.assert_exact(4096);
}

/// What follows one good row is given up, if not at once.
#[test]
fn a_batch_of_bad_rows_but_one_does_not_go_on_forever() {
    let mut fake = Fake::new((1..4096).map(|row| (row, Bad::Traps)));
    assert!(fake.run(4096, &mut Experience::default()).is_err());
    assert!(fake.calls.len() < 250, "{}", fake.calls.len());
}

proptest! {
    #[test]
    fn neighbours_among_others(rows in 40_usize..5_000, place in 0.0..1.0, many in 1_usize..38) {
        let first = ((rows - many) as f64 * place) as usize;
        let mut fake = Fake::new((first..first + many).map(|row| (row, Bad::Traps)));
        fake.run(rows, &mut Experience::default()).unwrap();
        fake.assert_exact(rows);
    }
}
