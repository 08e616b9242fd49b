//! Rows that loop: how long the search for them takes.

use std::time::Duration;

use azud_model::Clock;
use proptest::prelude::*;

use super::{Bad, Experience, Fake, LIMIT};

/// What a batch with one looping row takes.
fn search(rows: usize, bad: usize, known: &mut Experience) -> Duration {
    let mut fake = Fake::new([(bad, Bad::Loops)]);
    fake.run(rows, known).unwrap();
    fake.assert_exact(rows);
    fake.clock.elapsed()
}

#[test]
fn a_looping_row_of_a_thousand_is_found_in_half_a_second_even_in_the_first_batch() {
    let most = (0..1_000)
        .map(|bad| search(1_000, bad, &mut Experience::default()))
        .max();
    println!("in the first batch: {most:?} at most");
    assert!(most < Some(LIMIT + Duration::from_millis(250)), "{most:?}");
}

#[test]
fn a_looping_row_is_found_faster_once_the_plugin_is_known() {
    let mut known = Experience::default();
    for _ in 0..10 {
        Fake::new([]).run(1_000, &mut known).unwrap();
    }
    let most = (0..1_000)
        .map(|bad| search(1_000, bad, &mut known.clone()))
        .max();
    println!("later: {most:?} at most");
    assert!(most < Some(LIMIT + Duration::from_millis(400)), "{most:?}");
}

/// A plugin for which a row is much work is not taken for one that loops.
#[test]
fn rows_that_are_slow_but_end_are_not_rejected() {
    for ms in [1, 15, 30, 150, 300, 900] {
        let mut fake = Fake::new([]);
        fake.takes.1 = Duration::from_millis(ms);
        fake.run(100, &mut Experience::default()).unwrap();
        fake.assert_exact(100);
    }
}

/// Nor is a batch that takes nearly all its time: what has worked before has all of it.
#[test]
fn batches_that_take_nearly_a_deadline_are_one_call_each_but_the_first() {
    let (mut known, mut fake) = (Experience::default(), Fake::new([]));
    fake.takes.1 = Duration::from_micros(9_000);
    fake.run(100, &mut known).unwrap();
    fake.assert_exact(100);
    let first = fake.calls.len();
    println!("the first batch: {first} calls");
    assert!(first > 1);
    for _ in 0..3 {
        let mut fake = Fake::new([]);
        fake.takes.1 = Duration::from_micros(9_000);
        fake.run(100, &mut known).unwrap();
        assert_eq!(fake.calls.as_slice(), std::slice::from_ref(&(0..100)));
    }
}

#[test]
fn the_reason_says_what_a_row_was_given() {
    let mut fake = Fake::new([(5, Bad::Loops)]);
    fake.run(100, &mut Experience::default()).unwrap();
    let (_, reason) = fake.rejected.first().unwrap();
    assert_eq!(
        reason,
        "the plugin took longer than 200ms for this row alone, far more than for others \
         (limits: deadline)"
    );
    let mut fake = Fake::new([(0, Bad::Loops)]);
    fake.run(1, &mut Experience::default()).unwrap();
    let (_, reason) = fake.rejected.first().unwrap();
    assert_eq!(
        reason,
        "the plugin took longer than 1s for a call (limits: deadline)"
    );
}

proptest! {
    #[test]
    fn several_looping_rows_are_found(
        bad in prop::collection::btree_set(0_usize..1_000, 1..10),
    ) {
        let mut fake = Fake::new(bad.iter().map(|row| (*row, Bad::Loops)));
        fake.run(1_000, &mut Experience::default()).unwrap();
        fake.assert_exact(1_000);
        let time = fake.clock.elapsed();
        prop_assert!(time < LIMIT + Duration::from_millis(500) * (bad.len() as u32 + 3), "{time:?}");
    }
}
