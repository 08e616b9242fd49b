//! A plugin with state that misbehaves. The configuration names how: `open many-states`,
//! `process put-beyond`, `former name-of-key`, `migrate traps`. Without that it sums bigints by key,
//! rightly, and goes on with those of an earlier version.

mod migration;
mod opens;
mod spoil;

use std::cell::RefCell;

wit_bindgen::generate!({ path: "../../../wit", world: "migrating-keyed-plugin" });

use azud::plugin::types::Batch;
use exports::azud::plugin::keyed::{Answer, Change, Field, Guest, Opened, Owned, Timers, Work};

thread_local! {
    static SWITCH: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn open(config: String, _: Vec<Field>, key: Vec<u32>) -> Result<Opened, String> {
        SWITCH.set(config.clone());
        assert_eq!(key, [0]);
        opens::open(config.strip_prefix("open ").unwrap_or_default())
    }

    fn process(work: Work) -> Result<Answer, String> {
        let mut sums = vec![0; work.keys.rows as usize];
        let known = &work.states[0];
        add(&mut sums, &known.groups, &numbers(&known.rows));
        add(&mut sums, &work.groups, &numbers(&work.rows));
        let right = right(&sums);
        let switch = SWITCH.with_borrow(String::clone);
        match switch.strip_prefix("process ") {
            Some(how) => spoil::spoil(how, right),
            None => Ok(right),
        }
    }
}

/// An answer that gives and keeps a sum of each key, and sets a timer of the first.
fn right(sums: &[i64]) -> Answer {
    let all: Vec<u8> = (0..sums.len() as u32).flat_map(u32::to_le_bytes).collect();
    let owned = |batch: Batch| Owned {
        groups: all
            .clone()
            .into_iter()
            .take(batch.rows as usize * 4)
            .collect(),
        rows: batch,
    };
    Answer {
        output: batch(sums),
        rejected: Vec::new(),
        changes: vec![
            Change {
                cleared: Vec::new(),
                removed: owned(nothing(0)),
                put: owned(batch(sums)),
            },
            Change {
                cleared: Vec::new(),
                removed: owned(nothing(2)),
                put: owned(nothing(4)),
            },
        ],
        deleted: no_timers(),
        set: Timers {
            groups: 0_u32.to_le_bytes().to_vec(),
            times: 5_i64.to_le_bytes().to_vec(),
            kinds: vec![0],
        },
    }
}

fn numbers(batch: &Batch) -> Vec<i64> {
    let values = batch.buffers.get(1).map_or(&[][..], Vec::as_slice);
    let values = values.as_chunks().0.iter().take(batch.rows as usize);
    values.map(|value| i64::from_le_bytes(*value)).collect()
}

fn add(sums: &mut [i64], groups: &[u8], values: &[i64]) {
    for (group, value) in groups.as_chunks().0.iter().zip(values) {
        sums[u32::from_le_bytes(*group) as usize] += value;
    }
}

fn batch(values: &[i64]) -> Batch {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    Batch {
        rows: values.len() as u32,
        buffers: vec![Vec::new(), bytes.collect()],
    }
}

fn nothing(buffers: usize) -> Batch {
    Batch {
        rows: 0,
        buffers: vec![Vec::new(); buffers],
    }
}

fn no_timers() -> Timers {
    Timers {
        groups: Vec::new(),
        times: Vec::new(),
        kinds: Vec::new(),
    }
}
