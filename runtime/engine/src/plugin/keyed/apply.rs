//! What a call has answered becomes what is known.

use std::collections::HashMap;

use azud_model::{Error, Result};
use azud_sandbox::{KeyedAnswer, KeyedChange, StateKind};

use super::entry::{Entry, Kept, KeptRows};
use super::store::{Now, Store};

// === impl Store ===

impl Store {
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
}

fn rows_of(entries: &mut HashMap<u64, Entry>, key: u64, state: usize) -> Option<&mut KeptRows> {
    entries.get_mut(&key)?.states.get_mut(state)
}
