//! What two versions of a plugin with state make of the same call: rows, and of each key what it
//! knows then and which timers it has.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use azud_sandbox::{EVENT_TIME, GuestError, Keyed, KeyedAnswer, KeyedState, KeyedWork, OwnedRows};

use crate::plugin::differ::{Call, differs, shown, text};
use crate::swap::Compared;

/// A call with the states of the version that serves. It has no parts: a key's rows, timers and
/// states belong together.
pub(super) struct KeyedCall {
    pub(super) work: KeyedWork,
    /// The columns of the keys.
    pub(super) keys: RecordBatch,
    pub(super) states: Vec<KeyedState>,
}

impl Call<Keyed> for KeyedCall {
    type Answer = KeyedAnswer;

    fn rows(&self) -> usize {
        self.work.rows.num_rows() + self.work.due.times.len()
    }

    fn make(&self, keyed: &mut Keyed) -> Result<KeyedAnswer, GuestError> {
        keyed.process(&self.work, None)
    }

    fn compare(&self, before: &KeyedAnswer, now: &KeyedAnswer, compared: &mut Compared) {
        let of = (&self.keys, self.work.groups.as_slice());
        compare(of, &self.states, before, now, compared);
    }
}

fn compare(
    (keys, groups): (&RecordBatch, &[u32]),
    states: &[KeyedState],
    before: &KeyedAnswer,
    now: &KeyedAnswer,
    compared: &mut Compared,
) {
    let [of, then] = [before, now].map(|answer| effects(states, groups, answer));
    for key in 0..keys.num_rows() {
        let empty = Vec::new();
        let [before, now] = [&of, &then].map(|of| of.get(&key).unwrap_or(&empty));
        if before != now {
            differs(compared, || text(keys, key), &shown(before), &shown(now));
        }
    }
    if before.output == now.output {
        return;
    }
    // Which key a row is of nobody says: those are told that only one of them gives.
    let [mut gone, mut new] = [before, now].map(|answer| {
        let rows = 0..answer.output.num_rows();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            *counts.entry(text(&answer.output, row)).or_default() += 1;
        }
        counts
    });
    for (row, count) in &mut gone {
        let other = new.get_mut(row);
        let both = other.map_or(0, |other| {
            let both = (*count).min(*other);
            *other -= both;
            both
        });
        *count -= both;
    }
    let rows = |counts: BTreeMap<String, usize>| {
        let counts = counts.into_iter();
        counts.flat_map(|(row, count)| std::iter::repeat_n(row, count))
    };
    let (mut gone, mut new) = (rows(gone), rows(new));
    loop {
        let [before, now] = match (gone.next(), new.next()) {
            (None, None) => return,
            both => [both.0, both.1].map(|row| row.unwrap_or_else(|| "nothing".to_owned())),
        };
        differs(compared, || "a row that it gives".to_owned(), &before, &now);
    }
}

/// What becomes of each key, in words.
fn effects(
    states: &[KeyedState],
    groups: &[u32],
    answer: &KeyedAnswer,
) -> BTreeMap<usize, Vec<String>> {
    let mut effects: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut add = |key: u32, what: String| effects.entry(key as usize).or_default().push(what);
    for (state, change) in states.iter().zip(&answer.changes) {
        let name = &state.name;
        for key in &change.cleared {
            add(*key, format!("{name} cleared"));
        }
        let mut rows = |owned: &OwnedRows, what: &str| {
            for (row, key) in owned.groups.iter().enumerate() {
                add(*key, format!("{name} {what} {}", text(&owned.rows, row)));
            }
        };
        rows(&change.removed, "without");
        rows(&change.put, "with");
    }
    for (timers, what) in [(&answer.deleted, "no timer"), (&answer.set, "a timer")] {
        for (key, time, kind) in timers.iter() {
            let by = if kind == EVENT_TIME {
                "event"
            } else {
                "processing"
            };
            let time = azud_model::iso_micros(time);
            add(key, format!("{what} of {by} time at {time}"));
        }
    }
    for rejected in &answer.rejected {
        let key = groups.get(rejected.row as usize);
        add(
            key.copied().unwrap_or(u32::MAX),
            format!("rejected: {}", rejected.reason),
        );
    }
    effects
}
