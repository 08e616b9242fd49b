//! What a keyed guest announces and answers: states, timers, rows of the output.

use std::collections::BTreeSet;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
    row::{RowConverter, SortField},
};

use super::{Choices, guest, look};
use crate::{
    EVENT_TIME, KeyedAnswer, OwnedRows, PROCESSING_TIME, Timers,
    bindings::{
        azud::plugin::types::{BatchResult, Rejected},
        keyed::exports::azud::plugin::keyed as wit,
    },
    keyed::{
        answer::{Given, check},
        opened::Opened,
        state,
    },
};

/// Rows, keys and timers are few: their number is not what is tested.
const MOST: usize = 12;

/// What a keyed guest's `open` announces, and what it then answers to a call. Whether both were
/// accepted.
///
/// # Panics
/// Where what was accepted is of keys or rows that are not there, is no column that Arrow would
/// make, cannot be kept and had again, or may not be of an earlier version.
pub fn keyed(choices: &mut Choices<'_>) -> bool {
    let input = Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("x", DataType::Int64, true),
    ]);
    let announced = announced(choices);
    let formers = state::check_formers(std::slice::from_ref(&announced.states), &input, &[0]);
    let Ok(opened) = Opened::check(announced, &input, &[0]) else {
        return false;
    };
    // What `open` may name, an earlier version may have named.
    assert!(
        formers.is_ok_and(|formers| formers == [opened.states.as_slice()]),
        "states of an earlier version are others than those of this one"
    );
    look_at_opened(&opened);
    let given = Given {
        keys: 1 + choices.below(MOST),
        rows: choices.below(MOST),
        reason: 64,
        output: 1 << 20,
    };
    let mut answer = right(choices, &opened, given);
    if !choices.are_made() {
        (0..choices.below(3)).for_each(|_| change(choices, &mut answer));
    }
    let Ok(answer) = check(answer, &opened, given) else {
        return false;
    };
    look_at_answer(&answer, &opened, given);
    true
}

/// What `open` answers: right as a rule.
fn announced(choices: &mut Choices<'_>) -> wit::Opened {
    let columns = |choices: &mut Choices<'_>, count: usize| {
        let mut all = Vec::new();
        for number in 0..count {
            let mut fields = guest::fields(choices);
            if let Some(first) = fields.first_mut() {
                // Now and then two are the same.
                first.name = format!("c{}", number % choices.one_of([MOST, 1]));
            }
            all.extend(fields);
        }
        all
    };
    let mut states = Vec::new();
    for number in 0..choices.one_of([2, 1, 0, 3]) {
        let kind = choices.one_of([wit::Kind::Map, wit::Kind::Value, wit::Kind::List]);
        let name = choices.one_of(["s", "s", "k", "_s", ""]);
        let count = 1 + choices.below(3);
        let keys = match kind {
            wit::Kind::Map => choices.one_of([1, 1, 2, 0]),
            wit::Kind::Value | wit::Kind::List => choices.one_of([0, 0, 0, 1]),
        };
        states.push(wit::State {
            name: match name {
                "s" => format!("s{number}"),
                other => other.to_owned(),
            },
            kind,
            columns: columns(choices, count),
            keys,
            ttl: choices.one_of([None, Some(1), Some(u64::MAX), Some(0)]),
        });
    }
    let count = 1 + choices.below(3);
    wit::Opened {
        reads: match choices.below(8) {
            0 => vec![choices.below(4) as u32],
            _ => vec![1],
        },
        states,
        output: columns(choices, count),
        event_time: choices.one_of([None, None, None, Some(0)]),
        event_timers: choices.flag(),
        pending_timers: choices.flag(),
    }
}

/// An answer that fits.
fn right(choices: &mut Choices<'_>, opened: &Opened, given: Given) -> wit::Answer {
    let states = opened.states.iter().zip(&opened.entries);
    let changes = states.map(|(state, entry)| {
        let cleared = choices.below(3);
        let removed = match entry.fields().is_empty() {
            true => 0,
            false => choices.below(MOST),
        };
        let put = choices.below(MOST);
        wit::Change {
            cleared: groups(choices, cleared, given.keys),
            removed: owned(choices, entry, removed, given.keys),
            put: owned(choices, &state.columns, put, given.keys),
        }
    });
    let changes = changes.collect();
    let rows = choices.below(MOST);
    let rejected = (0..given.rows).filter(|_| choices.below(4) == 1);
    let rejected = rejected.map(|row| Rejected {
        row: row as u32,
        reason: "no\u{1b}[2J".repeat(20),
    });
    let rejected = rejected.collect();
    wit::Answer {
        output: batch(choices, &opened.output, rows),
        rejected,
        changes,
        deleted: timers(choices, opened, given.keys),
        set: timers(choices, opened, given.keys),
    }
}

fn batch(choices: &mut Choices<'_>, schema: &SchemaRef, rows: usize) -> BatchResult {
    let fields = schema.fields().iter();
    let buffers = fields.flat_map(|field| guest::buffers(choices, field.data_type(), rows));
    BatchResult {
        rows: rows as u32,
        buffers: buffers.collect(),
    }
}

fn owned(
    choices: &mut Choices<'_>,
    schema: &SchemaRef,
    rows: usize,
    keys: usize,
) -> wit::OwnedResult {
    wit::OwnedResult {
        rows: batch(choices, schema, rows),
        groups: groups(choices, rows, keys),
    }
}

/// Numbers of keys that are there.
fn groups(choices: &mut Choices<'_>, count: usize, keys: usize) -> Vec<u8> {
    let groups = (0..count).map(|_| choices.below(keys) as u32);
    groups.flat_map(u32::to_le_bytes).collect()
}

fn timers(choices: &mut Choices<'_>, opened: &Opened, keys: usize) -> wit::TimersResult {
    let count = choices.below(MOST);
    let kinds = (0..count).map(|_| match opened.event_timers && choices.flag() {
        true => EVENT_TIME,
        false => PROCESSING_TIME,
    });
    let kinds = kinds.collect();
    wit::TimersResult {
        groups: groups(choices, count, keys),
        times: choices.bytes(8 * count),
        kinds,
    }
}

/// A change somewhere: most lie deep in what was right.
fn change(choices: &mut Choices<'_>, answer: &mut wit::Answer) {
    let at = choices.below(answer.changes.len());
    let kind = choices.below(16);
    let all = answer.changes.len();
    if let Some(of_state) = answer.changes.get_mut(at) {
        match kind {
            0..4 => return rows(choices, &mut of_state.put.rows),
            4 => return rows(choices, &mut of_state.removed.rows),
            5 => return numbers(choices, &mut of_state.put.groups),
            6 => return numbers(choices, &mut of_state.removed.groups),
            7 => return numbers(choices, &mut of_state.cleared),
            8 if all > 1 => return drop(answer.changes.pop()),
            _ => {}
        }
    }
    match kind {
        0..10 => rows(choices, &mut answer.output),
        10 => numbers(choices, &mut answer.set.groups),
        11 => numbers(choices, &mut answer.set.times),
        12 => numbers(choices, &mut answer.set.kinds),
        13 => numbers(choices, &mut answer.deleted.groups),
        14 => numbers(choices, &mut answer.deleted.kinds),
        _ => answer.rejected.push(Rejected {
            row: choices.below(MOST) as u32,
            reason: String::new(),
        }),
    }
}

fn rows(choices: &mut Choices<'_>, batch: &mut BatchResult) {
    let mut count = batch.rows as usize;
    guest::change(choices, &mut batch.buffers, &mut count);
    batch.rows = u32::try_from(count).unwrap_or(u32::MAX);
}

fn numbers(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    match choices.below(4) {
        0 => drop(bytes.pop()),
        1 => bytes.extend([0; 4]),
        _ => {
            let at = choices.below(bytes.len());
            let with = choices.below(256) as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
        }
    }
}

/// States can be told apart, and their rows be kept.
fn look_at_opened(opened: &Opened) {
    let mut names = BTreeSet::from(["k"]);
    for (state, entry) in opened.states.iter().zip(&opened.entries) {
        assert!(names.insert(&state.name), "{}", state.name);
        assert!(state.name.starts_with(|c: char| c.is_ascii_alphabetic()));
        assert!(state.ttl != Some(0));
        let mut fields = entry.fields().iter().zip(state.columns.fields());
        assert!(fields.all(|(entry, column)| entry == column));
    }
    assert!(opened.reads.iter().all(|column| *column < 2));
}

fn look_at_answer(answer: &KeyedAnswer, opened: &Opened, given: Given) {
    let is_key = |group: &u32| (*group as usize) < given.keys;
    assert_eq!(answer.changes.len(), opened.states.len());
    let states = opened.states.iter().zip(&opened.entries);
    for (change, (state, entry)) in answer.changes.iter().zip(states) {
        assert!(change.cleared.iter().all(is_key));
        for (owned, schema) in [(&change.put, &state.columns), (&change.removed, entry)] {
            let OwnedRows { rows, groups } = owned;
            assert_eq!((rows.num_rows(), &rows.schema()), (groups.len(), schema));
            assert!(groups.iter().all(is_key));
            look_into(rows);
            keep(rows);
        }
    }
    assert_eq!(answer.output.schema(), opened.output);
    look_into(&answer.output);
    for Timers {
        groups,
        times,
        kinds,
    } in [&answer.deleted, &answer.set]
    {
        assert_eq!((groups.len(), times.len()), (kinds.len(), kinds.len()));
        assert!(groups.iter().all(is_key));
        let of_event_time = kinds.contains(&EVENT_TIME);
        assert!(kinds.iter().all(|kind| *kind <= PROCESSING_TIME));
        assert!(opened.event_timers || !of_event_time);
    }
    let mut rejected = BTreeSet::new();
    for one in &answer.rejected {
        assert!((one.row as usize) < given.rows && rejected.insert(one.row));
        assert!(!one.reason.contains('\u{1b}') && one.reason.len() <= given.reason);
    }
}

fn look_into(rows: &RecordBatch) {
    let schema = rows.schema();
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        look::into(field, column);
    }
}

/// As the host keeps them: rows as bytes, which are had again as they were.
fn keep(rows: &RecordBatch) {
    let schema = rows.schema();
    let fields = schema.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let wrong = |error| -> ! { panic!("{schema}: {error}") };
    let converter = RowConverter::new(fields.collect()).unwrap_or_else(|error| wrong(error));
    let kept = converter.convert_columns(rows.columns());
    let kept = kept.unwrap_or_else(|error| wrong(error));
    let kept: Vec<Box<[u8]>> = kept.iter().map(|row| row.data().into()).collect();
    let parser = converter.parser();
    let again = converter.convert_rows(kept.iter().map(|row| parser.parse(row)));
    let again = again.unwrap_or_else(|error| wrong(error));
    assert_eq!(again, rows.columns(), "{schema}");
}
