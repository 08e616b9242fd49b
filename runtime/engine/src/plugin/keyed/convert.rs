//! What an earlier version of the plugin has kept becomes what this one keeps.

use std::ops::Range;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use azud_model::{Clock, Error, Result};
use azud_sandbox::{GuestError, Keyed, KeyedAnswer, Timers, escaped};

use super::calls::input;
use super::operator::{MAX_BYTES, MAX_KEYS};
use super::store::{Now, Store};
use crate::plugin::search::{Calls, Experience, Search};
use crate::swap::InLane;

/// Letters of a key in messages.
const MAX_SHOWN: usize = 200;

/// The store of an earlier version, and who converts it.
pub(super) struct Convert<'a> {
    pub(super) node: &'a str,
    pub(super) plugin: &'a mut InLane<Keyed>,
    /// Which of the earlier versions that the plugin knows.
    pub(super) former: usize,
    pub(super) from: &'a Store,
    pub(super) into: &'a mut Store,
    pub(super) now: Now,
}

/// Some keys, by their numbers in the store of the earlier version.
struct KeyCalls<'a, 'b> {
    all: &'a mut Convert<'b>,
    keys: &'a [u64],
}

// === impl Convert ===

impl Convert<'_> {
    /// Converts every key, in the order in which they were first seen. All that is put counts as
    /// changed: the next record has it, and nothing of the earlier version.
    ///
    /// # Errors
    /// `Plugin` if it fails on a key, which is named.
    pub(super) fn run(&mut self, clock: &dyn Clock) -> Result<()> {
        let mut keys: Vec<u64> = self.from.entries.keys().copied().collect();
        keys.sort_unstable();
        let limit = self.plugin.get().deadline();
        let mut known = Experience::default();
        let mut rest = keys.as_slice();
        while !rest.is_empty() {
            let count = self.from.fitting(rest, MAX_KEYS, MAX_BYTES);
            let (keys, others) = rest.split_at(count.min(rest.len()));
            let calls = KeyCalls { all: self, keys };
            Search::new(calls, keys.len(), limit, &mut known, clock).run()?;
            rest = others;
        }
        Ok(())
    }

    /// A key for a person: `user ann`.
    fn words(&self, key: u64) -> Result<String> {
        let columns = self.from.key_rows(&[key])?;
        let names = columns.schema_ref().fields().iter();
        let cells = names.zip(columns.columns()).map(|(field, column)| {
            let value = array_value_to_string(column, 0)?;
            Ok(format!("{} `{value}`", field.name()))
        });
        let words = cells.collect::<Result<Vec<String>>>()?.join(", ");
        Ok(escaped(&words.chars().take(MAX_SHOWN).collect::<String>()))
    }
}

// === impl Store ===

impl Store {
    /// Keys of an earlier version's store are known here from now on, with their timers and what
    /// a call has made of their states.
    pub(super) fn take_over(
        &mut self,
        from: &Self,
        keys: &[u64],
        answer: &KeyedAnswer,
        now: Now,
    ) -> Result<()> {
        let mut numbers = Vec::with_capacity(keys.len());
        for key in keys {
            let known = from.entries.get(key);
            let known = known.ok_or_else(|| Error::internal("a key has no entry"))?;
            let number = self.known(&known.key);
            for (kind, time) in &known.timers {
                self.set_timer(number, *time, *kind);
            }
            numbers.push(number);
        }
        self.apply(&numbers, answer, now)
    }
}

// === impl KeyCalls ===

/// The rows of the search are keys here.
impl Calls for KeyCalls<'_, '_> {
    type Answer = KeyedAnswer;

    fn call(
        &mut self,
        keys: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<KeyedAnswer, GuestError> {
        let keys = self.keys.get(keys).unwrap_or_default();
        let (from, now, former) = (self.all.from, self.all.now, self.all.former);
        self.all.plugin.call(|keyed| {
            let nothing = RecordBatch::new_empty(from.plan.input.clone());
            let work = from.work(keys, (nothing, Vec::new()), Timers::default(), true, now);
            keyed.migrate(former, &work.map_err(input)?, deadline)
        })
    }

    fn emit(&mut self, keys: Range<usize>, answer: KeyedAnswer) -> Result<()> {
        let keys = self.keys.get(keys).unwrap_or_default();
        let (from, now) = (self.all.from, self.all.now);
        self.all.into.take_over(from, keys, &answer, now)
    }

    fn reject(&mut self, key: usize, reason: String) -> Result<()> {
        let key = self.keys.get(key).copied().unwrap_or(u64::MAX);
        let words = self.all.words(key)?;
        Err(self.stop(format!("of the key {words}: {reason}")))
    }

    fn plugin(&self) -> &str {
        self.all.plugin.plugin()
    }

    fn place(&self, keys: Range<usize>) -> String {
        let first = self.keys.get(keys.start).copied().unwrap_or(u64::MAX);
        match (keys.len(), self.all.words(first)) {
            (1, Ok(words)) => format!("the key {words}"),
            (many, _) => format!("{many} keys"),
        }
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!(
            "node `{}`: its states cannot be converted: {message}; they are as they were: go on \
             with the version before, or correct `migrate`",
            self.all.node
        ))
    }

    /// A key may have much more state than others.
    fn cost_alike(&self) -> bool {
        false
    }
}
