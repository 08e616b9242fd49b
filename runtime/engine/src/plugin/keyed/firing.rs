//! Timers that are due, in the order of their times.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use azud_model::{Error, Result};
use azud_sandbox::{EVENT_TIME, KeyedAnswer, Timers};

use super::store::Store;

/// So often a key's timers may set others at the end of all input.
const MAX_CHAIN: u32 = 10_000;

/// What is due at one moment, of one kind.
pub(super) struct Firing {
    kind: u8,
    /// Up to which time timers are due.
    until: i64,
    ready: BTreeSet<(i64, u64)>,
    /// How often timers of a key have set others.
    chains: HashMap<u64, u32>,
}

/// Timers of some keys.
pub(super) struct Due {
    pub(super) keys: Vec<u64>,
    pub(super) timers: Timers,
}

// === impl Firing ===

impl Firing {
    pub(super) fn new(store: &Store, kind: u8, until: i64) -> Self {
        let ready = store.due(kind, |time| time <= until);
        Self {
            kind,
            until,
            ready: ready.into_iter().collect(),
            chains: HashMap::new(),
        }
    }

    /// The next timers, of so many keys and about so many bytes of states at most; they are
    /// gone from the store.
    pub(super) fn next(&mut self, store: &mut Store, keys: usize, bytes: usize) -> Option<Due> {
        let mut due = Due {
            keys: Vec::new(),
            timers: Timers::default(),
        };
        let mut groups: BTreeMap<u64, (u32, Vec<i64>)> = BTreeMap::new();
        let mut weight = 0;
        while let Some((time, key)) = self.ready.first().copied() {
            if !groups.contains_key(&key) {
                weight += store.bytes(key);
                if !groups.is_empty() && (groups.len() >= keys || weight > bytes) {
                    break;
                }
            }
            self.ready.remove(&(time, key));
            // Somebody may have removed it meanwhile.
            if store.remove_timer(key, time, self.kind) {
                let number = u32::try_from(groups.len()).unwrap_or(u32::MAX);
                let group = groups.entry(key).or_insert_with(|| {
                    due.keys.push(key);
                    (number, Vec::new())
                });
                group.1.push(time);
            }
        }
        for key in &due.keys {
            if let Some((group, times)) = groups.get(key) {
                times
                    .iter()
                    .for_each(|time| due.timers.push(*group, *time, self.kind));
            }
        }
        (!due.keys.is_empty()).then_some(due)
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
        let mut last: HashMap<u32, i64> = HashMap::new();
        for (group, time, _) in due.timers.iter() {
            let last = last.entry(group).or_insert(time);
            *last = time.max(*last);
        }
        for (group, time, kind) in answer.set.iter() {
            let later = last.get(&group).is_some_and(|last| time > *last);
            let key = due.keys.get(group as usize);
            let Some(key) = key.filter(|_| later && kind == EVENT_TIME && time <= self.until)
            else {
                continue;
            };
            self.ready.insert((time, *key));
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
