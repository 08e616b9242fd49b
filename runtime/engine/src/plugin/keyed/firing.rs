//! Timers that are due, in the order of their times.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use azud_model::{Error, Result};
use azud_sandbox::{EVENT_TIME, KeyedAnswer, Timers};

use super::store::Store;

/// So often a key's timers may set others at the end of all input.
const MAX_CHAIN: u32 = 10_000;

/// What is due at one moment, of one kind: of each key one timer after the other, so that it does
/// not matter with which others it is called for.
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

/// A timer of each of some keys.
pub(super) struct Due {
    pub(super) keys: Vec<u64>,
    pub(super) timers: Timers,
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
            while let Some(time) = times.pop_first() {
                // Somebody may have removed it meanwhile.
                if store.remove_timer(*key, time, self.kind) {
                    let group = u32::try_from(due.keys.len()).unwrap_or(u32::MAX);
                    due.timers.push(group, time, self.kind);
                    due.keys.push(*key);
                    break;
                }
            }
            if times.is_empty() {
                over.push(*key);
            }
        }
        for key in over {
            self.ready.remove(&key);
        }
        due
    }

    /// A timer of event time that these have set is due as well where it is later than they
    /// are, and its time has come. Others wait for the next epoch, so that there is an end.
    ///
    /// # Errors
    /// `Plugin` where there is none at the end of all input; the text says how many there were.
    pub(super) fn follow(&mut self, due: &Due, answer: &KeyedAnswer) -> Result<()> {
        if self.kind != EVENT_TIME {
            return Ok(());
        }
        let fired: HashMap<u32, i64> = due.timers.iter().map(|(key, at, _)| (key, at)).collect();
        for (group, time, kind) in answer.set.iter() {
            let later = fired.get(&group).is_some_and(|fired| time > *fired);
            let key = due.keys.get(group as usize);
            let Some(key) = key.filter(|_| later && kind == EVENT_TIME && time <= self.until)
            else {
                continue;
            };
            self.ready.entry(*key).or_default().insert(time);
            let chain = self.chains.entry(*key).or_default();
            *chain += 1;
            if self.until == i64::MAX && *chain > MAX_CHAIN {
                return Err(Error::plugin(format!(
                    "timers of a key have set {MAX_CHAIN} others after the end of all input, \
                     each later than the one before: the watermark is the greatest number \
                     then, and no timer need be set; or write `at_end: keep`"
                )));
            }
        }
        Ok(())
    }
}
