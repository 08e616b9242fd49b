//! All keys of a lane: what is known of each, and which timers they have.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use azud_model::{Error, Result};
use azud_operators::canonical;
use azud_sandbox::{KeyedAnswer, KeyedChange, KeyedWork, OwnedRows, StateKind, Timers};

use super::KeyedPlan;
use super::codec::{Codec, StateCodec};
use super::entry::{Entry, Kept, KeptRows};

/// Keys have numbers while they are known.
pub(super) struct Store {
    pub(super) plan: KeyedPlan,
    pub(super) keys: Codec,
    pub(super) states: Vec<StateCodec>,
    numbers: HashMap<Arc<[u8]>, u64>,
    pub(super) entries: HashMap<u64, Entry>,
    next: u64,
    /// Time and key of each timer, by kind.
    timers: [BTreeSet<(i64, u64)>; 2],
    /// When a key is looked at for rows that are to be forgotten: each key once.
    looks: BTreeSet<(i64, u64)>,
    /// Keys that may be known for nothing.
    touched: BTreeSet<u64>,
    /// Key, state and name of each row that was put or removed in the epoch, and whether there
    /// was one before it; timers are the state after the last.
    pub(super) changed: BTreeMap<(u64, usize, Box<[u8]>), bool>,
}

/// When, for a call: microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) processing: i64,
    pub(super) event: i64,
}

// === impl Store ===

impl Store {
    /// # Errors
    /// `Invalid` if a column of the key is of a type that cannot be kept.
    pub(super) fn new(plan: KeyedPlan) -> Result<Self> {
        let fields = plan.key.iter();
        let fields = fields.filter_map(|key| plan.input.fields().get(*key).cloned());
        let keys = Codec::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())))?;
        let states = plan.states.iter().map(StateCodec::new);
        Ok(Self {
            states: states.collect::<Result<_>>()?,
            keys,
            plan,
            numbers: HashMap::new(),
            entries: HashMap::new(),
            next: 0,
            timers: Default::default(),
            looks: BTreeSet::new(),
            touched: BTreeSet::new(),
            changed: BTreeMap::new(),
        })
    }

    /// The number of each row's key, which is known from now on.
    pub(super) fn number(&mut self, rows: &RecordBatch) -> Result<Vec<u64>> {
        let key = self.plan.key.iter();
        let key = key.filter_map(|column| rows.columns().get(*column));
        let key: Vec<ArrayRef> = key.map(canonical).collect();
        let keys = self.keys.rows(&key)?;
        Ok(keys.iter().map(|key| self.known(key.data())).collect())
    }

    /// The number of a key.
    pub(super) fn known(&mut self, key: &[u8]) -> u64 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let (key, number): (Arc<[u8]>, u64) = (key.into(), self.next);
        self.next += 1;
        self.numbers.insert(key.clone(), number);
        let entry = Entry::new(key, self.states.len());
        self.entries.insert(number, entry);
        self.touched.insert(number);
        number
    }

    /// About how many bytes a call is given for a key.
    pub(super) fn bytes(&self, key: u64) -> usize {
        self.entries.get(&key).map_or(0, Entry::bytes)
    }

    /// How many of the rows of these keys a call is given: at least one.
    pub(super) fn fitting(&self, numbers: &[u64], max_rows: usize, max_bytes: usize) -> usize {
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        let rows = numbers.iter().take(max_rows);
        let fit = rows.take_while(|number| {
            if seen.insert(**number) {
                bytes += self.bytes(**number);
            }
            // One whose state is more than that by itself has no more of it in another call.
            bytes <= max_bytes || seen.len() == 1
        });
        fit.count().max(1)
    }

    /// The columns of some keys.
    pub(super) fn key_rows(&self, keys: &[u64]) -> Result<RecordBatch> {
        let entries = keys.iter().filter_map(|key| self.entries.get(key));
        let encoded: Vec<&[u8]> = entries.map(|entry| &*entry.key).collect();
        self.keys.decode(encoded.into_iter())
    }

    /// What a call is given for some keys, each of them once: rows and due timers are the
    /// caller's.
    pub(super) fn work(
        &self,
        keys: &[u64],
        rows: (RecordBatch, Vec<u32>),
        due: Timers,
        now: Now,
    ) -> Result<KeyedWork> {
        let entries: Vec<&Entry> = keys
            .iter()
            .filter_map(|key| self.entries.get(key))
            .collect();
        if entries.len() != keys.len() {
            return Err(Error::internal("a key has no entry"));
        }
        let mut pending = Timers::default();
        let told = entries.iter().filter(|_| self.plan.pending_timers);
        for (group, entry) in (0..).zip(told) {
            for (kind, time) in &entry.timers {
                pending.push(group, *time, *kind);
            }
        }
        let states = self.states.iter().enumerate().map(|(state, codec)| {
            let (mut groups, mut kept) = (Vec::new(), Vec::new());
            for (group, entry) in (0..).zip(&entries) {
                let rows = entry.states.get(state).into_iter();
                for row in rows.flat_map(|rows| rows.iter()) {
                    if row.expires > now.processing {
                        kept.push(&*row.row);
                        groups.push(group);
                    }
                }
            }
            let rows = codec.rows.decode(kept.into_iter())?;
            Ok(OwnedRows { rows, groups })
        });
        let states = states.collect::<Result<_>>()?;
        Ok(KeyedWork {
            keys: self.key_rows(keys)?.columns().to_vec(),
            count: keys.len(),
            rows: rows.0,
            groups: rows.1,
            due,
            pending,
            states,
            now: now.processing,
            watermark: now.event,
        })
    }

    /// Keeps what a call has answered for these keys.
    pub(super) fn apply(&mut self, keys: &[u64], answer: &KeyedAnswer, now: Now) -> Result<()> {
        for (state, change) in answer.changes.iter().enumerate() {
            self.change(keys, state, change, now)?;
        }
        for (group, time, kind) in answer.deleted.iter() {
            if let Some(key) = keys.get(group as usize) {
                self.remove_timer(*key, time, kind);
            }
        }
        for (group, time, kind) in answer.set.iter() {
            if let Some(key) = keys.get(group as usize) {
                self.set_timer(*key, time, kind);
            }
        }
        self.touched.extend(keys);
        Ok(())
    }

    fn change(&mut self, keys: &[u64], state: usize, change: &KeyedChange, now: Now) -> Result<()> {
        let Some(codec) = self.states.get(state) else {
            return Err(Error::internal("a change of a state that is not there"));
        };
        let key = |group: &u32| keys.get(*group as usize).copied();
        let expires = codec
            .ttl
            .map_or(i64::MAX, |ttl| now.processing.saturating_add(ttl));

        let mut cleared: HashMap<u64, Vec<Kept>> = HashMap::new();
        for key in change.cleared.iter().filter_map(key) {
            if let Some(rows) = rows_of(&mut self.entries, key, state) {
                cleared.entry(key).or_insert_with(|| rows.take());
            }
        }
        if codec.entry.is_some() {
            let names = codec.entry_names(Some(change.removed.rows.columns()))?;
            for (key, name) in change.removed.groups.iter().filter_map(key).zip(names) {
                let rows = rows_of(&mut self.entries, key, state);
                if rows.is_some_and(|rows| rows.remove(&name)) {
                    self.changed.entry((key, state, name)).or_insert(true);
                }
            }
        }
        let mut names = codec.entries(&change.put.rows)?.into_iter();
        let rows = codec.rows.encode(change.put.rows.columns())?;
        let kind = codec.kind;
        for (key, row) in change.put.groups.iter().filter_map(key).zip(rows) {
            let name = names.next().unwrap_or_default();
            let old = cleared.get(&key);
            let Some(rows) = rows_of(&mut self.entries, key, state) else {
                continue;
            };
            let name = match kind {
                StateKind::Value | StateKind::Map { .. } => name,
                StateKind::List => rows.append(old.map(Vec::as_slice)),
            };
            let new = Kept { name, row, expires };
            let known = rows.find(&new.name);
            if old.is_none() && known != Some(&new) {
                let change = (key, state, new.name.clone());
                self.changed.entry(change).or_insert(known.is_some());
            }
            rows.put(new);
            self.look(key, expires);
        }
        // What was cleared and is there again is no change.
        for (key, old) in cleared {
            if let Some(rows) = rows_of(&mut self.entries, key, state) {
                for (name, was) in rows.differences(&old) {
                    self.changed.entry((key, state, name)).or_insert(was);
                }
            }
        }
        Ok(())
    }

    /// Looks at a key when a row of it expires.
    pub(super) fn look(&mut self, key: u64, expires: i64) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if expires == i64::MAX || entry.looked_at.is_some_and(|at| at <= expires) {
            return;
        }
        if let Some(at) = entry.looked_at.replace(expires) {
            self.looks.remove(&(at, key));
        }
        self.looks.insert((expires, key));
    }

    /// Forgets rows that have expired.
    pub(super) fn forget(&mut self, now: i64) {
        while let Some((at, key)) = self.looks.first().copied().filter(|(at, _)| *at <= now) {
            self.looks.remove(&(at, key));
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.looked_at = None;
            for (state, rows) in entry.states.iter_mut().enumerate() {
                for name in rows.forget(now) {
                    self.changed.entry((key, state, name)).or_insert(true);
                }
            }
            self.touched.insert(key);
            if let Some(expires) = entry.expires() {
                self.look(key, expires);
            }
        }
    }

    /// Time and key of the timers of a kind that are due up to a time.
    pub(super) fn due(&self, kind: u8, until: i64) -> impl Iterator<Item = (i64, u64)> {
        let timers = self.timers.get(usize::from(kind)).into_iter();
        timers.flat_map(move |timers| timers.range(..=(until, u64::MAX)).copied())
    }

    /// The time of the first timer of a kind.
    pub(super) fn first(&self, kind: u8) -> Option<i64> {
        let timers = self.timers.get(usize::from(kind))?;
        timers.first().map(|(time, _)| *time)
    }

    /// Sets a timer; it is there once.
    pub(super) fn set_timer(&mut self, key: u64, time: i64, kind: u8) {
        let timers = self.timers.get_mut(usize::from(kind));
        let Some((timers, entry)) = timers.zip(self.entries.get_mut(&key)) else {
            return;
        };
        if timers.insert((time, key)) {
            entry.timers.insert((kind, time));
            let change = (key, self.states.len(), timer_name(kind, time));
            self.changed.entry(change).or_insert(false);
        }
    }

    /// Removes a timer; whether there was one.
    pub(super) fn remove_timer(&mut self, key: u64, time: i64, kind: u8) -> bool {
        let timers = self.timers.get_mut(usize::from(kind));
        let Some((timers, entry)) = timers.zip(self.entries.get_mut(&key)) else {
            return false;
        };
        let is = timers.remove(&(time, key));
        if is {
            entry.timers.remove(&(kind, time));
            let change = (key, self.states.len(), timer_name(kind, time));
            self.changed.entry(change).or_insert(true);
            self.touched.insert(key);
        }
        is
    }

    /// The epoch is over, and whoever wanted its changes has them: keys of which nothing is
    /// known are no keys any more.
    pub(super) fn end(&mut self) {
        self.changed.clear();
        for key in std::mem::take(&mut self.touched) {
            if self.entries.get(&key).is_some_and(Entry::is_empty)
                && let Some(entry) = self.entries.remove(&key)
            {
                self.numbers.remove(&entry.key);
                if let Some(at) = entry.looked_at {
                    self.looks.remove(&(at, key));
                }
            }
        }
    }
}

fn rows_of(entries: &mut HashMap<u64, Entry>, key: u64, state: usize) -> Option<&mut KeptRows> {
    entries.get_mut(&key)?.states.get_mut(state)
}

/// The name of a timer as a row: kind and time, in order.
fn timer_name(kind: u8, time: i64) -> Box<[u8]> {
    let mut name = Vec::with_capacity(9);
    name.push(kind);
    // The sign turned round: bytes in the order of times.
    name.extend((time as u64 ^ 1 << 63).to_be_bytes());
    name.into()
}

/// The kind and time of a name.
pub(super) fn timer_of(name: &[u8]) -> Option<(u8, i64)> {
    let (kind, time) = name.split_first()?;
    let time = u64::from_be_bytes(time.try_into().ok()?);
    Some((*kind, (time ^ 1 << 63) as i64))
}
