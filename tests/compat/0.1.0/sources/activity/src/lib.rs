//! What was done under a key, and when it ended: a plugin with state, written against the
//! contract alone. Of `k` it keeps a value, a list with a time to live and a map; a timer of
//! event time ends it ten seconds after its last row, which so deletes the one before; and one
//! of processing time comes at the end of each epoch while its number of rows is odd.

mod columns;

use std::collections::{BTreeMap, BTreeSet};

wit_bindgen::generate!({ path: "../../../../../wit", world: "keyed-plugin" });

use azud::plugin::{
    log::{self, Level},
    types::Rejected,
};
use columns::{Rows, each, field, groups, numbers, texts, timers};
use exports::azud::plugin::keyed::{
    Answer, Change, Field, Guest, Kind, Opened, Owned, State, Work,
};

struct Activity;

export!(Activity);

const EVENT: u8 = 0;
const PROCESSING: u8 = 1;

/// Ten seconds.
const GAP: i64 = 10_000_000;

/// A thousand years.
const TTL: u64 = 31_557_600_000_000_000;

/// What is known of a key, and what becomes of it.
#[derive(Default)]
struct Known {
    total: Option<(i64, i64)>,
    last: Vec<i64>,
    seen: BTreeMap<i64, i64>,
    /// Timers of event time.
    ends: BTreeSet<i64>,
    is_changed: bool,
    is_cleared: bool,
    forgets: bool,
    pushed: Vec<i64>,
    put: BTreeSet<i64>,
    removed: BTreeSet<i64>,
    deleted: BTreeSet<i64>,
    set: BTreeSet<i64>,
    again: bool,
}

impl Guest for Activity {
    fn open(config: String, input: Vec<Field>, key: Vec<u32>) -> Result<Opened, String> {
        let column = |name: &str, format: &str| {
            let place = input.iter().position(|field| field.name == name);
            let place = place.ok_or_else(|| format!("there is no `{name}`"))?;
            match input[place].format == format {
                true => Ok(place as u32),
                false => Err(format!("`{name}` is {}", input[place].format)),
            }
        };
        if key != [column("k", "u")?] {
            return Err("the key is `k`".into());
        }
        log::log(Level::Info, &format!("opened with {config}"));
        let state = |name: &str, kind, columns: &[&str], keys, ttl| State {
            name: name.into(),
            kind,
            columns: columns.iter().map(|name| field(name, "l")).collect(),
            keys,
            ttl,
        };
        Ok(Opened {
            reads: vec![column("x", "l")?, column("ts", "tsu:UTC")?],
            states: vec![
                state("total", Kind::Value, &["rows", "sum"], 0, None),
                state("last", Kind::List, &["x"], 0, Some(TTL)),
                state("seen", Kind::Map, &["x", "count"], 1, None),
            ],
            output: vec![
                field("k", "u"),
                field("at", "tsu:UTC"),
                field("why", "u"),
                field("rows", "l"),
                field("sum", "l"),
                field("last", "u"),
                field("seen", "u"),
            ],
            event_time: Some(1),
            event_timers: true,
            pending_timers: true,
        })
    }

    fn process(work: Work) -> Result<Answer, String> {
        let keys = texts(&work.keys, 0);
        let mut known: Vec<Known> = keys.iter().map(|_| Known::default()).collect();
        load(&mut known, &work);
        let mut rejected = Vec::new();
        let (x, ts) = (numbers(&work.rows, 0), numbers(&work.rows, 2));
        for (row, group) in groups(&work.groups).into_iter().enumerate() {
            match (x[row], ts[row]) {
                (Some(x), Some(ts)) if x != 0 => known[group].row(x, ts),
                _ => rejected.push(Rejected {
                    row: row as u32,
                    reason: "it is nothing".into(),
                }),
            }
        }
        let mut output = Rows::new("ululluu");
        for (group, time, kind) in each(&work.due) {
            let key = keys[group].as_deref().unwrap_or("nobody");
            known[group].due(key, time, kind, work.watermark, &mut output);
        }
        Ok(answer(known, rejected, output))
    }
}

impl Known {
    fn row(&mut self, x: i64, ts: i64) {
        let (rows, sum) = self.total.unwrap_or_default();
        self.total = Some((rows + 1, sum + x));
        self.is_changed = true;
        if x > 0 {
            self.last.push(x);
            self.pushed.push(x);
            *self.seen.entry(x).or_default() += 1;
            self.removed.remove(&x);
            self.put.insert(x);
        } else {
            self.last.clear();
            self.pushed.clear();
            self.forgets = true;
            if self.seen.remove(&-x).is_some() {
                self.put.remove(&-x);
                self.removed.insert(-x);
            }
        }
        self.deleted.append(&mut self.ends);
        self.set.clear();
        self.end_at(ts + GAP);
        self.again = true;
    }

    fn end_at(&mut self, time: i64) {
        self.ends.insert(time);
        self.set.insert(time);
    }

    fn due(&mut self, key: &str, time: i64, kind: u8, watermark: i64, output: &mut Rows) {
        let (rows, sum) = self.total.unwrap_or_default();
        let all = |numbers: &mut dyn Iterator<Item = String>| {
            let numbers: Vec<String> = numbers.collect();
            numbers.join(" ")
        };
        output.row(0);
        output.text(0, key);
        output.number(3, time);
        output.text(
            5,
            if kind == EVENT {
                "it ended"
            } else {
                "an epoch"
            },
        );
        output.number(8, rows);
        output.number(10, sum);
        output.text(12, &all(&mut self.last.iter().map(i64::to_string)));
        let mut seen = self.seen.iter().map(|(x, count)| format!("{x}:{count}"));
        output.text(15, &all(&mut seen));
        match kind {
            EVENT => {
                self.ends.remove(&time);
                self.is_cleared = true;
                self.seen.clear();
                // One that is to come in the same epoch, where there is something to forget.
                if !self.last.is_empty() && watermark != i64::MAX {
                    self.last.clear();
                    self.forgets = true;
                    self.end_at(time + 1);
                }
            }
            _ => self.again = rows % 2 == 1,
        }
    }
}

/// What is known of the keys.
fn load(known: &mut [Known], work: &Work) {
    let [total, last, seen] = work.states.as_slice() else {
        panic!("three states were announced");
    };
    let columns = |owned: &Owned, count: usize| {
        let columns: Vec<Vec<Option<i64>>> = (0..count)
            .map(|column| numbers(&owned.rows, 2 * column))
            .collect();
        let row = move |row: usize| {
            let value = |column: usize| columns[column][row].unwrap_or_default();
            (value(0), value(count - 1))
        };
        groups(&owned.groups)
            .into_iter()
            .enumerate()
            .map(|(place, group)| (group, row(place)))
            .collect::<Vec<_>>()
    };
    for (group, row) in columns(total, 2) {
        known[group].total = Some(row);
    }
    for (group, (x, _)) in columns(last, 1) {
        known[group].last.push(x);
    }
    for (group, (x, count)) in columns(seen, 2) {
        known[group].seen.insert(x, count);
    }
    for (group, time, kind) in each(&work.pending) {
        if kind == EVENT {
            known[group].ends.insert(time);
        }
    }
}

fn answer(known: Vec<Known>, rejected: Vec<Rejected>, output: Rows) -> Answer {
    let (mut total, mut last) = (Rows::new("ll"), Rows::new("l"));
    let (mut seen, mut removed) = (Rows::new("ll"), Rows::new("l"));
    let (mut forgotten, mut cleared) = (Vec::new(), Vec::new());
    let (mut deleted, mut set) = (Vec::new(), Vec::new());
    for (group, key) in known.iter().enumerate() {
        if let Some((rows, sum)) = key.total.filter(|_| key.is_changed) {
            total.row(group);
            total.number(0, rows);
            total.number(2, sum);
        }
        if key.forgets {
            forgotten.extend((group as u32).to_le_bytes());
        }
        for x in &key.pushed {
            last.row(group);
            last.number(0, *x);
        }
        if key.is_cleared {
            cleared.extend((group as u32).to_le_bytes());
        }
        for x in &key.removed {
            removed.row(group);
            removed.number(0, *x);
        }
        for (x, count) in key.seen.iter().filter(|(x, _)| key.put.contains(x)) {
            seen.row(group);
            seen.number(0, *x);
            seen.number(2, *count);
        }
        deleted.extend(key.deleted.iter().map(|time| (group, *time, EVENT)));
        set.extend(key.set.iter().map(|time| (group, *time, EVENT)));
        set.extend(key.again.then_some((group, 0, PROCESSING)));
    }
    let change = |cleared: Vec<u8>, removed: Rows, put: Rows| Change {
        cleared,
        removed: removed.owned(),
        put: put.owned(),
    };
    Answer {
        output: output.batch(),
        rejected,
        changes: vec![
            change(Vec::new(), Rows::new(""), total),
            change(forgotten, Rows::new(""), last),
            change(cleared, removed, seen),
        ],
        deleted: timers(&deleted),
        set: timers(&set),
    }
}
