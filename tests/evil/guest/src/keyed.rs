//! A plugin with state, of `k`: the sum of `n` as a text, for which it sets a timer at once.
//!
//! It harms where a call has a row of 7 (`process`), or a timer of its key, which is 3 (`timer`).

use std::iter;

use crate::{
    Evil, act,
    answers::{alias, texts},
    azud::plugin::types::{Batch, Field, Rejected},
    configure,
    exports::azud::plugin::keyed::{
        Answer, Change, Guest, Kind, Opened, Owned, State, Timers, Work,
    },
    has_seven, how, is_at, numbers, said,
};

/// The key of the row that harm is done at.
const KEY: i64 = 3;

const EVENT: u8 = 0;
const PROCESSING: u8 = 1;

impl Guest for Evil {
    fn open(config: String, _: Vec<Field>, _: Vec<u32>) -> Result<Opened, String> {
        configure(&config, "open");
        let field = |name: &str, format: &str| Field {
            name: name.into(),
            format: format.into(),
            nullable: false,
            children: 0,
        };
        let state = |name: &str| State {
            name: name.into(),
            kind: Kind::Value,
            columns: vec![field("sum", "u")],
            keys: 0,
            ttl: None,
        };
        let mut opened = Opened {
            reads: vec![0],
            states: vec![state("total")],
            output: vec![field("n", "l"), field("said", "u")],
            event_time: None,
            event_timers: how().starts_with("event-"),
            pending_timers: true,
        };
        match how().as_str() {
            "many-states" => {
                opened.states = (0..100_000).map(|n| state(&format!("s{n}"))).collect();
            }
            "long-state" => opened.states = vec![state(&"s".repeat(1 << 20))],
            "evil-state" => opened.states = vec![state("a\u{1b}[2J\nb")],
            "state-of-the-key" => opened.states = vec![state("k")],
            "wide-state" => {
                let all = (0..100_000).map(|n| field(&n.to_string(), "l"));
                opened.states[0].columns = all.collect();
            }
            _ => {}
        }
        Ok(opened)
    }

    fn process(work: Work) -> Result<Answer, String> {
        let keys = numbers(&work.keys);
        let at_timers = work.rows.rows == 0;
        let is_evil = match at_timers {
            true => is_at("timer") && keys.contains(&KEY),
            false => is_at("process") && has_seven(&work.rows),
        };
        if is_evil {
            act(&how());
        }
        let right = match at_timers {
            true => on_timers(&keys, &work),
            false => on_rows(&keys, &work),
        };
        match is_evil {
            true => wrong(&how(), right, keys.len()),
            false => Ok(right),
        }
    }
}

fn sums(keys: &[i64], work: &Work) -> Vec<i64> {
    let mut sums = vec![0; keys.len()];
    let known = &work.states[0];
    let bytes = &known.rows.buffers;
    for (row, group) in groups(&known.groups).enumerate() {
        let offset =
            |row: usize| -> usize { u32::from_le_bytes(bytes[1].as_chunks().0[row]) as usize };
        let text = std::str::from_utf8(&bytes[2][offset(row)..offset(row + 1)]).unwrap();
        sums[group] = text.parse().unwrap_or(-1);
    }
    sums
}

/// Each row is given again, and its key has a timer.
fn on_rows(keys: &[i64], work: &Work) -> Answer {
    let (mut sums, rows) = (sums(keys, work), numbers(&work.rows));
    for (group, n) in groups(&work.groups).zip(&rows) {
        sums[group] += n;
    }
    let all: Vec<u8> = (0..keys.len() as u32).flat_map(u32::to_le_bytes).collect();
    let mut answer = answer(&rows, &vec![said(); rows.len()]);
    let sums: Vec<String> = sums.iter().map(i64::to_string).collect();
    answer.changes[0].put = Owned {
        rows: batch_of(&sums),
        groups: all.clone(),
    };
    let kind = if how().starts_with("event-") {
        EVENT
    } else {
        PROCESSING
    };
    answer.set = Timers {
        times: vec![0; 8 * keys.len()],
        kinds: vec![kind; keys.len()],
        groups: all,
    };
    answer
}

/// The sum of each key that has a timer at 0, in a row of the key and a thousand.
fn on_timers(keys: &[i64], work: &Work) -> Answer {
    let sums = sums(keys, work);
    let times = work.due.times.as_chunks().0.iter();
    let due = groups(&work.due.groups).zip(times);
    let due = due.filter(|(_, time)| i64::from_le_bytes(**time) == 0);
    let due: Vec<usize> = due.map(|(group, _)| group).collect();
    let rows: Vec<i64> = due.iter().map(|group| 1_000 + keys[*group]).collect();
    let texts: Vec<String> = due.iter().map(|group| sums[*group].to_string()).collect();
    answer(&rows, &texts)
}

/// What is wrong, or too much.
fn wrong(how: &str, mut answer: Answer, keys: usize) -> Result<Answer, String> {
    let put = &mut answer.changes[0].put;
    match how {
        "fails" => return Err("bad luck\n\u{1b}[31m\u{202e}".into()),
        "fails-at-length" => return Err("\u{1b}".repeat(8 << 20)),
        "no-changes" => answer.changes.clear(),
        // One region a thousand times, which is 4 MiB.
        "aliases" => put.rows.buffers = alias(1_000, 4 << 20),
        "claims-rows" => put.rows.rows = u32::MAX,
        "output-claims-rows" => answer.output.rows = u32::MAX,
        "short" => drop(put.rows.buffers.pop()),
        "offsets" => put.rows.buffers[1].fill(0xff),
        "nulls" => put.rows.buffers[0] = vec![0; put.rows.rows.div_ceil(8) as usize],
        "bad-text" => put.rows.buffers[2].fill(0xff),
        "keys-beyond" => put.groups.fill(0xee),
        "keys-short" => drop(put.groups.pop()),
        "cleared-beyond" => answer.changes[0].cleared = vec![0xee; 4],
        "clears-a-million" => answer.changes[0].cleared = vec![0; 4_000_000],
        "timers-beyond" => answer.set.groups.fill(0xee),
        "timers-of-no-kind" => answer.set.kinds.fill(7),
        "timers-of-event-time" => answer.set.kinds.fill(EVENT),
        "rejects-beyond" => answer.rejected.push(Rejected {
            row: u32::MAX,
            reason: "no".into(),
        }),
        // Of the first key, whichever that is.
        "many-timers" => {
            let times = (1..=100_000_i64).flat_map(i64::to_le_bytes);
            answer.set.times.extend(times);
            answer.set.groups.extend(iter::repeat_n(0, 400_000));
            answer.set.kinds.extend(iter::repeat_n(PROCESSING, 100_000));
        }
        "far-timers" => {
            for time in [i64::MIN, i64::MAX, -1, 1] {
                answer.set.times.extend(time.to_le_bytes());
                answer.set.groups.extend([0; 4]);
                answer.set.kinds.push(PROCESSING);
            }
        }
        // It is given back in each call for its key.
        "large-state" => {
            assert_eq!(put.rows.rows, 1);
            let length = 10_u32 << 20;
            put.rows.buffers[1] = [0, length].iter().flat_map(|at| at.to_le_bytes()).collect();
            put.rows.buffers[2] = vec![b'7'; length as usize];
        }
        // At the end of all input each is due at once.
        "event-timers-without-end" => {
            answer.set = Timers {
                groups: (0..keys as u32).flat_map(u32::to_le_bytes).collect(),
                times: vec![0; 8 * keys],
                kinds: vec![EVENT; keys],
            };
        }
        _ => {}
    }
    Ok(answer)
}

fn groups(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let groups = bytes.as_chunks().0.iter();
    groups.map(|group| u32::from_le_bytes(*group) as usize)
}

fn answer(n: &[i64], said: &[String]) -> Answer {
    let mut output = batch_of(said);
    let numbers = n.iter().flat_map(|n| n.to_le_bytes()).collect();
    output.buffers.splice(0..0, [Vec::new(), numbers]);
    let none = || Timers {
        groups: Vec::new(),
        times: Vec::new(),
        kinds: Vec::new(),
    };
    let no_rows = |buffers| Owned {
        rows: Batch { rows: 0, buffers },
        groups: Vec::new(),
    };
    Answer {
        output,
        rejected: Vec::new(),
        changes: vec![Change {
            cleared: Vec::new(),
            removed: no_rows(Vec::new()),
            put: no_rows(texts(0, "").buffers),
        }],
        deleted: none(),
        set: none(),
    }
}

/// One column of texts.
fn batch_of(texts: &[String]) -> Batch {
    let mut offsets = vec![0; 4];
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend(text.as_bytes());
        offsets.extend((bytes.len() as u32).to_le_bytes());
    }
    Batch {
        rows: texts.len() as u32,
        buffers: vec![Vec::new(), offsets, bytes],
    }
}
