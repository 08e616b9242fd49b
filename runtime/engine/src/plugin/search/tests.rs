//! The search against a plugin of numbers, with a clock of its own.

mod breaker;
mod loops;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use azud_model::{Clock, Error, ManualClock, Result};
use azud_sandbox::GuestError;
use proptest::prelude::*;

use super::{Calls, Experience, Search};

pub(super) const LIMIT: Duration = Duration::from_secs(1);

/// What a row does to the call that it is in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bad {
    Traps,
    Loops,
    /// The plugin says so itself.
    Fails,
}

/// A plugin, and what came of the rows.
pub(super) struct Fake {
    pub(super) bad: BTreeMap<usize, Bad>,
    /// More rows need more memory than there is.
    pub(super) most: usize,
    /// What a call, and each of its rows, takes.
    pub(super) takes: (Duration, Duration),
    pub(super) clock: ManualClock,
    pub(super) calls: Vec<Range<usize>>,
    pub(super) emitted: Vec<usize>,
    pub(super) rejected: Vec<(usize, String)>,
}

// === impl Fake ===

impl Fake {
    pub(super) fn new(bad: impl IntoIterator<Item = (usize, Bad)>) -> Self {
        Self {
            bad: bad.into_iter().collect(),
            most: usize::MAX,
            takes: (Duration::from_micros(30), Duration::from_micros(1)),
            clock: ManualClock::at(0),
            calls: Vec::new(),
            emitted: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// The whole of a batch.
    pub(super) fn run(&mut self, rows: usize, known: &mut Experience) -> Result<()> {
        // The fake has its clock to move it, the search has one to read it.
        let clock = std::mem::replace(&mut self.clock, ManualClock::at(0));
        let outcome = Search::new(Shared(self, &clock), rows, LIMIT, known, &clock).run();
        self.clock = clock;
        outcome
    }

    pub(super) fn rejected_rows(&self) -> Vec<usize> {
        self.rejected.iter().map(|(row, _)| *row).collect()
    }

    /// Every row once, in order, those that are bad rejected.
    #[track_caller]
    pub(super) fn assert_exact(&self, rows: usize) {
        let bad: Vec<usize> = self.bad.keys().copied().filter(|row| *row < rows).collect();
        let good: Vec<usize> = (0..rows)
            .filter(|row| !self.bad.contains_key(row))
            .collect();
        assert_eq!(self.rejected_rows(), bad);
        assert_eq!(self.emitted, good);
    }
}

struct Shared<'a>(&'a mut Fake, &'a ManualClock);

impl Calls for Shared<'_> {
    type Answer = ();

    fn call(&mut self, rows: Range<usize>, deadline: Option<Duration>) -> Result<(), GuestError> {
        let Self(fake, clock) = self;
        fake.calls.push(rows.clone());
        let deadline = deadline.unwrap_or(LIMIT);
        let work = fake.takes.0 + fake.takes.1 * rows.len() as u32;
        let found = fake.bad.range(rows.clone()).next();
        let loops = found.is_some_and(|(_, bad)| *bad == Bad::Loops) || work > deadline;
        clock.advance(if loops { deadline } else { work });
        if loops {
            return Err(GuestError::Deadline { limit: deadline });
        }
        match found {
            Some((row, Bad::Fails)) => Err(GuestError::Failed(format!("{row} is bad"))),
            Some((row, _)) => Err(GuestError::Trapped {
                reason: format!("at {row}"),
            }),
            None if rows.len() > fake.most => Err(GuestError::Memory { limit: 64 << 20 }),
            None => Ok(()),
        }
    }

    fn emit(&mut self, rows: Range<usize>, (): ()) -> Result<()> {
        self.0.emitted.extend(rows);
        Ok(())
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        self.0.rejected.push((row, reason));
        Ok(())
    }

    fn plugin(&self) -> &str {
        "fake.wasm"
    }

    fn place(&self, rows: Range<usize>) -> String {
        format!("rows {rows:?}")
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(message)
    }
}

/// Calls beyond the one that every batch costs.
fn extra(rows: usize, bad: usize, kind: Bad) -> usize {
    let mut fake = Fake::new([(bad, kind)]);
    fake.run(rows, &mut Experience::default()).unwrap();
    fake.assert_exact(rows);
    fake.calls.len() - 1
}

#[track_caller]
fn assert_bound(rows: usize, bad: usize, kind: Bad) {
    let (extra, bound) = (extra(rows, bad, kind), 2.0 * (rows as f64).log2());
    assert!(
        extra as f64 <= bound,
        "{bad} of {rows}: {extra} calls, {bound} allowed"
    );
}

#[test]
fn a_bad_row_costs_two_calls_a_halving_at_every_place_of_every_small_batch() {
    for rows in 1..=512 {
        for bad in 0..rows {
            assert_bound(rows, bad, Bad::Traps);
        }
    }
    assert_eq!(extra(1, 0, Bad::Traps), 0);
    assert_eq!(extra(4096, 0, Bad::Traps), 24);
    assert_eq!(extra(4096, 4095, Bad::Fails), 13);
}

#[test]
fn without_a_bad_row_there_is_one_call() {
    let mut fake = Fake::new([]);
    fake.run(4096, &mut Experience::default()).unwrap();
    fake.assert_exact(4096);
    assert_eq!(fake.calls.as_slice(), std::slice::from_ref(&(0..4096)));
}

/// That so many rows together are too much says nothing of any of them.
#[test]
fn a_limit_that_rows_hit_together_rejects_none_of_them() {
    for most in [1, 2, 3, 100, 1_000] {
        let mut fake = Fake::new([(17, Bad::Traps)]);
        fake.most = most;
        fake.run(1_001, &mut Experience::default()).unwrap();
        fake.assert_exact(1_001);
    }
}

#[test]
fn a_call_that_fails_for_no_row_stops_the_pipeline() {
    struct Gone;
    impl Calls for Gone {
        type Answer = ();
        fn call(&mut self, _: Range<usize>, _: Option<Duration>) -> Result<(), GuestError> {
            Err(GuestError::Refused("other columns".into()))
        }
        fn emit(&mut self, _: Range<usize>, (): ()) -> Result<()> {
            Ok(())
        }
        fn reject(&mut self, _: usize, _: String) -> Result<()> {
            panic!("no row is to blame")
        }
        fn plugin(&self) -> &str {
            ""
        }
        fn place(&self, _: Range<usize>) -> String {
            String::new()
        }
        fn stop(&self, message: String) -> Error {
            Error::plugin(message)
        }
    }
    let clock = ManualClock::at(0);
    let error = Search::new(Gone, 9, LIMIT, &mut Experience::default(), &clock).run();
    assert_eq!(
        error.unwrap_err().to_string(),
        "the plugin refuses: other columns"
    );
    assert_eq!(clock.elapsed(), Duration::ZERO);
}

fn kind() -> impl Strategy<Value = Bad> {
    prop_oneof![Just(Bad::Traps), Just(Bad::Loops), Just(Bad::Fails)]
}

proptest! {
    #[test]
    fn a_bad_row_costs_two_calls_a_halving(rows in 1_usize..200_000, place in 0.0..1.0) {
        assert_bound(rows, (rows as f64 * place) as usize, Bad::Traps);
    }

    /// Whatever is wrong with whichever rows, over any number of batches: nothing is
    /// lost, doubled or out of order.
    #[test]
    fn every_row_is_handed_on_or_rejected_once(
        batches in prop::collection::vec(
            (1_usize..3_000, prop::collection::btree_map(0_usize..3_000, kind(), 0..12)),
            1..5,
        ),
        most in prop_oneof![Just(usize::MAX), 1_usize..100],
    ) {
        let mut known = Experience::default();
        for (rows, bad) in batches {
            let mut fake = Fake::new(bad);
            fake.most = most;
            fake.run(rows, &mut known).unwrap();
            fake.assert_exact(rows);
        }
    }
}
