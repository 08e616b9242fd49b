//! An aggregate, the sum of `n`. It harms where a call of `update` has a row of 7, and in every
//! call of `merge` and `finish`; where it converts states, with the group whose sum is 10. Told
//! to be `before` it is an earlier version, whose states have another name.

use crate::{
    Evil, act,
    answers::alias,
    azud::plugin::types::{Batch, Field},
    configure,
    exports::azud::plugin::{
        aggregate::{Guest, Schemas},
        aggregate_migration,
    },
    has_seven, how, is_at, numbers,
};

impl Guest for Evil {
    fn open(config: String, _: Vec<Field>) -> Result<Schemas, String> {
        configure(&config, "open");
        let all = |count: u32| (0..count).map(|n| field(&n.to_string())).collect();
        let state = if is_at("before") { "old" } else { "sum" };
        let (state, output) = (vec![field(state)], vec![field("sum")]);
        Ok(match how().as_str() {
            "many-states" => Schemas {
                state: all(100_000),
                output,
            },
            "many-outputs" => Schemas {
                state,
                output: all(100_000),
            },
            "evil-state" => Schemas {
                state: vec![field("a\u{1b}[2J\nb")],
                output,
            },
            _ => Schemas { state, output },
        })
    }

    fn update(states: Batch, count: u32, groups: Vec<u8>, rows: Batch) -> Result<Batch, String> {
        let mut sums = numbers(&states);
        sums.resize(count as usize, 0);
        add(&mut sums, &groups, &numbers(&rows));
        answer("update", has_seven(&rows), &sums)
    }

    fn merge(states: Batch, count: u32, groups: Vec<u8>) -> Result<Batch, String> {
        let mut sums = vec![0; count as usize];
        add(&mut sums, &groups, &numbers(&states));
        answer("merge", true, &sums)
    }

    fn finish(states: Batch) -> Result<Batch, String> {
        answer("finish", true, &numbers(&states))
    }
}

impl aggregate_migration::Guest for Evil {
    fn former() -> Vec<Vec<Field>> {
        if is_at("former") {
            act(&how());
        }
        match (is_at("before"), is_at("former"), how().as_str()) {
            (true, ..) => Vec::new(),
            (_, true, "many-versions") => (0..100_000).map(|_| vec![field("old")]).collect(),
            (_, true, "evil-state") => vec![vec![field("a\u{1b}[2J\nb")]],
            _ => vec![vec![field("old")]],
        }
    }

    fn migrate(_: u32, states: Batch) -> Result<Batch, String> {
        let sums = numbers(&states);
        answer("migrate", sums.contains(&10), &sums)
    }
}

fn field(name: &str) -> Field {
    Field {
        name: name.into(),
        format: "l".into(),
        nullable: false,
        children: 0,
    }
}

fn add(sums: &mut [i64], groups: &[u8], values: &[i64]) {
    for (group, value) in groups.as_chunks().0.iter().zip(values) {
        sums[u32::from_le_bytes(*group) as usize] += value;
    }
}

fn answer(call: &str, harms: bool, sums: &[i64]) -> Result<Batch, String> {
    let right = Batch {
        rows: sums.len() as u32,
        buffers: vec![
            Vec::new(),
            sums.iter().flat_map(|sum| sum.to_le_bytes()).collect(),
        ],
    };
    if !harms || !is_at(call) {
        return Ok(right);
    }
    act(&how());
    wrong(&how(), right)
}

fn wrong(how: &str, mut batch: Batch) -> Result<Batch, String> {
    match how {
        "fails" => return Err("bad luck\n\u{1b}[31m\u{202e}".into()),
        "fails-at-length" => return Err("\u{1b}".repeat(8 << 20)),
        // One region a thousand times, which is 4 MiB.
        "aliases" => batch.buffers = alias(1_000, 4 << 20),
        "claims-rows" => batch.rows = u32::MAX,
        "more-rows" => {
            batch.rows += 1;
            batch.buffers[1].extend([0; 8]);
        }
        "no-rows" => {
            batch.rows = 0;
            batch.buffers[1].clear();
        }
        "short" => drop(batch.buffers.pop()),
        "short-values" => drop(batch.buffers[1].pop()),
        "nulls" => batch.buffers[0] = vec![0; batch.rows.div_ceil(8) as usize],
        _ => {}
    }
    Ok(batch)
}
