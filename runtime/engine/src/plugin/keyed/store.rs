//! All keys of a lane: what is known of each, and which timers they have.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use azud_model::{Error, Result};
use azud_operators::canonical;
use azud_sandbox::{KeyedState, KeyedWork, OwnedRows, Timers};

use super::KeyedPlan;
use super::codec::{Codec, StateCodec};
use super::entry::Entry;

/// Keys have numbers while they are known.
pub(super) struct Store {
    pub(super) plan: KeyedPlan,
    pub(super) keys: Codec,
    pub(super) states: Vec<StateCodec>,
    numbers: HashMap<Arc<[u8]>, u64>,
    pub(super) entries: HashMap<u64, Entry>,
    next: u64,
    /// Time and key of each timer, by kind.
    pub(super) timers: [BTreeSet<(i64, u64)>; 2],
    /// When a key is looked at for rows that are to be forgotten: each key once.
    pub(super) looks: BTreeSet<(i64, u64)>,
    /// Keys that may be known for nothing.
    pub(super) touched: BTreeSet<u64>,
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
    /// caller's. `pending`: timers that are not due, too.
    pub(super) fn work(
        &self,
        keys: &[u64],
        rows: (RecordBatch, Vec<u32>),
        due: Timers,
        pending: bool,
        now: Now,
    ) -> Result<KeyedWork> {
        let entries: Vec<&Entry> = keys
            .iter()
            .filter_map(|key| self.entries.get(key))
            .collect();
        if entries.len() != keys.len() {
            return Err(Error::internal("a key has no entry"));
        }
        let told = entries.iter().filter(|_| pending);
        let mut pending = Timers::default();
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

    /// Another version of the plugin may keep its states for another time: those that it puts.
    pub(super) fn set_states(&mut self, states: &[KeyedState]) {
        for (codec, state) in self.states.iter_mut().zip(states) {
            codec.set_ttl(state.ttl);
        }
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
