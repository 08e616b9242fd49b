//! Timers that are due, in the order of their times.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use azud_model::{Error, Result};
use azud_sandbox::{EVENT_TIME, KeyedAnswer, Timers};

use super::store::Store;

/// So often a key's timers may set others in an epoch.
const MAX_CHAIN: u32 = 10_000;

/// Timers that a call is given.
const MAX_TIMERS: usize = 1 << 14;

/// What is due at one moment, of one kind.
pub(super) struct Firing {
    kind: u8,
    /// Up to which time timers are due.
    until: i64,
    /// Times by key.
    ready: BTreeMap<u64, BTreeSet<i64>>,
    /// The key from which the round goes on.
    next: u64,
    /// How often timers of a key have set others.
    chains: HashMap<u64, u32>,
}

/// Timers of some keys: those of a key side by side, in the order of their times.
pub(super) struct Due {
    pub(super) keys: Vec<u64>,
    pub(super) timers: Timers,
}

// === impl Due ===

impl Due {
    /// Some of the timers, and their keys.
    pub(super) fn part(&self, timers: std::ops::Range<usize>) -> Self {
        let mut part = Self {
            keys: Vec::new(),
            timers: Timers::default(),
        };
        let all = self.timers.iter().skip(timers.start).take(timers.len());
        for (group, time, kind) in all {
            let key = self.keys.get(group as usize).copied().unwrap_or(u64::MAX);
            if part.keys.last() != Some(&key) {
                part.keys.push(key);
            }
            let group = u32::try_from(part.keys.len() - 1).unwrap_or(u32::MAX);
            part.timers.push(group, time, kind);
        }
        part
    }
}

// === impl Firing ===

impl Firing {
    pub(super) fn new(store: &Store, kind: u8, until: i64) -> Self {
        let mut ready: BTreeMap<u64, BTreeSet<i64>> = BTreeMap::new();
        for (time, key) in store.due(kind, until) {
            ready.entry(key).or_default().insert(time);
        }
        Self {
            kind,
            until,
            ready,
            next: 0,
            chains: HashMap::new(),
        }
    }

    /// The next timers, of so many keys and about so many bytes of states at most; they are
    /// gone from the store.
    pub(super) fn next(&mut self, store: &mut Store, keys: usize, bytes: usize) -> Option<Due> {
        while !self.ready.is_empty() {
            let due = self.round(store, keys, bytes);
            if !due.keys.is_empty() {
                return Some(due);
            }
        }
        None
    }

    /// Goes on with the round; where there is nothing more, the next one is begun.
    fn round(&mut self, store: &mut Store, keys: usize, bytes: usize) -> Due {
        let mut due = Due {
            keys: Vec::new(),
            timers: Timers::default(),
        };
        let (mut weight, mut over) = (0, Vec::new());
        let start = std::mem::take(&mut self.next);
        for (key, times) in self.ready.range_mut(start..) {
            weight += store.bytes(*key);
            if !due.keys.is_empty() && (due.keys.len() >= keys || weight > bytes) {
                self.next = *key;
                break;
            }
            while let Some(time) = times.first().copied() {
                if due.timers.times.len() >= MAX_TIMERS {
                    break;
                }
                times.remove(&time);
                // Somebody may have removed it meanwhile.
                if store.remove_timer(*key, time, self.kind) {
                    if due.keys.last() != Some(key) {
                        due.keys.push(*key);
                    }
                    let group = u32::try_from(due.keys.len() - 1).unwrap_or(u32::MAX);
                    due.timers.push(group, time, self.kind);
                }
            }
            match times.is_empty() {
                true => over.push(*key),
                false => {
                    self.next = *key;
                    break;
                }
            }
        }
        for key in over {
            self.ready.remove(&key);
        }
        due
    }

    /// A timer of event time that these have set is due as well where it is later than those of
    /// its key, and its time has come. Others wait for the next epoch, and so does what is left of
    /// a chain without end; after the end of all input there is none, and all are due.
    ///
    /// # Errors
    /// `Plugin` where there is no end after the end of all input; the text says how many there
    /// were.
    pub(super) fn follow(&mut self, due: &Due, answer: &KeyedAnswer) -> Result<()> {
        if self.kind != EVENT_TIME {
            return Ok(());
        }
        let is_end = self.until == i64::MAX;
        // Those of a key come in order: the last one counts.
        let fired: HashMap<u32, i64> = due.timers.iter().map(|(key, at, _)| (key, at)).collect();
        for (group, time, kind) in answer.set.iter() {
            let later = fired.get(&group).is_some_and(|fired| time > *fired);
            let is_due = kind == EVENT_TIME && time <= self.until && (later || is_end);
            let Some(key) = due.keys.get(group as usize).filter(|_| is_due) else {
                continue;
            };
            let chain = self.chains.entry(*key).or_default();
            *chain += 1;
            if *chain <= MAX_CHAIN {
                self.ready.entry(*key).or_default().insert(time);
            } else if is_end {
                return Err(Error::plugin(format!(
                    "timers of a key have set {MAX_CHAIN} others after the end of all input: \
                     the watermark is the greatest number then, and no timer need be set; or \
                     write `at_end: keep`"
                )));
            }
        }
        Ok(())
    }
}
