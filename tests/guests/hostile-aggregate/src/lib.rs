//! An aggregate that misbehaves. The configuration names in which call, and how:
//! `update traps`, `merge rows-short`, `former many-versions`, `migrate nulls`. Without that it sums
//! bigints, rightly, and goes on with those of an earlier version.

mod answers;
mod migration;
mod opens;

use std::cell::RefCell;

wit_bindgen::generate!({ path: "../../../wit", world: "migrating-aggregate-plugin" });

use exports::azud::plugin::aggregate::{Batch, Field, Guest, Schemas};

thread_local! {
    static SWITCH: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn open(config: String, _: Vec<Field>) -> Result<Schemas, String> {
        SWITCH.set(config.clone());
        opens::open(config.strip_prefix("open ").unwrap_or_default())
    }

    fn update(states: Batch, count: u32, groups: Vec<u8>, rows: Batch) -> Result<Batch, String> {
        let mut sums = numbers(&states);
        sums.resize(count as usize, 0);
        add(&mut sums, &groups, &numbers(&rows));
        answer("update ", &sums)
    }

    fn merge(states: Batch, count: u32, groups: Vec<u8>) -> Result<Batch, String> {
        let mut sums = vec![0; count as usize];
        add(&mut sums, &groups, &numbers(&states));
        answer("merge ", &sums)
    }

    fn finish(states: Batch) -> Result<Batch, String> {
        answer("finish ", &numbers(&states))
    }
}

fn answer(call: &str, sums: &[i64]) -> Result<Batch, String> {
    let right = Batch {
        rows: sums.len() as u32,
        buffers: vec![
            Vec::new(),
            sums.iter().flat_map(|sum| sum.to_le_bytes()).collect(),
        ],
    };
    let switch = SWITCH.with_borrow(String::clone);
    match switch.strip_prefix(call) {
        Some(how) => answers::spoil(how, right),
        None => Ok(right),
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
