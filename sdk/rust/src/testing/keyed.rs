//! Runs a plugin with state on rows, and moves time on.

use std::collections::BTreeSet;

use super::{Table, Value, table};
use crate::{
    Error, Field, Keyed, Result, Timer,
    instance::{Done, KeyedInstance, Opened, Work},
    keyed::{Change, Clocks, Kind, Owned},
    schema,
};

/// Rows of a state.
type Rows = Vec<Vec<Value>>;

/// What a plugin gave.
#[derive(Debug, Default, PartialEq)]
pub struct Given {
    columns: Vec<(String, Vec<Value>)>,
    /// Rows that were rejected, and why.
    pub rejected: Vec<(usize, String)>,
}

/// A plugin with state that was opened. It knows of its keys what the host would.
pub struct OpenKeyed<K, F = ()> {
    pub(super) instance: KeyedInstance<K, F>,
    opened: Opened,
    pub(super) key: Vec<usize>,
    reads: Vec<usize>,
    known: Vec<Known>,
    pub(super) clocks: Clocks,
}

/// What is known of a key.
struct Known {
    key: Vec<Value>,
    /// A row that has it.
    row: Table,
    states: Vec<Rows>,
    timers: BTreeSet<Timer>,
}

/// Opens a plugin with a configuration (JSON) on the columns of a table, with columns of it as
/// the key. The time is 0, and no event time is known.
///
/// States are kept for ever here; for what `ttl` does, and for windows of rows that are late,
/// write `tests:` in a pipeline.
pub fn open_keyed<K: Keyed>(config: &str, key: &[&str], columns: &Table) -> Result<OpenKeyed<K>> {
    let key = places(key, columns)?;
    let (instance, opened) = KeyedInstance::open(config, columns.fields(), key.clone())?;
    OpenKeyed::new(instance, opened, key)
}

/// The columns of the key.
pub(super) fn places(key: &[&str], columns: &Table) -> Result<Vec<usize>> {
    let place = |name: &&str| {
        let found = (0..columns.width()).find(|column| columns.name(*column) == *name);
        found.ok_or_else(|| Error::new(format!("the table has no column `{name}`")))
    };
    key.iter().map(place).collect()
}

// === impl OpenKeyed ===

impl<K: Keyed, F> OpenKeyed<K, F> {
    pub(super) fn new(
        instance: KeyedInstance<K, F>,
        opened: Opened,
        key: Vec<usize>,
    ) -> Result<Self> {
        for (place, state) in opened.states.iter().enumerate() {
            let mut before = opened.states.iter().take(place);
            if before.any(|other| other.name == state.name) {
                let name = &state.name;
                return Err(Error::new(format!("two states are named `{name}`")));
            }
        }
        let time = opened
            .event_time
            .and_then(|time| opened.output.get(time as usize));
        if let Some(time) = time.filter(|time| !time.format.starts_with("tsu:")) {
            let name = &time.name;
            return Err(Error::new(format!(
                "column `{name}` of the output is no timestamp, and cannot be the event time"
            )));
        }
        Ok(Self {
            reads: opened.reads.iter().map(|column| *column as usize).collect(),
            instance,
            opened,
            key,
            known: Vec::new(),
            clocks: Clocks {
                now: 0,
                watermark: i64::MIN,
            },
        })
    }

    /// Gives the plugin the rows of a table in one call.
    pub fn rows(&mut self, rows: &Table) -> Result<Given> {
        let (mut keys, mut members, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows.rows() {
            let known = self.known(rows, row);
            let member = keys.iter().position(|key| *key == known);
            members.push(member.unwrap_or(keys.len()));
            if member.is_none() {
                keys.push(known);
                first.push(row);
            }
        }
        let first = rows.pick(&first);
        self.call(&keys, &first, (rows, &members), Vec::new())
    }

    /// Moves event time on: timers up to it are due, in their order, and so are those that they
    /// set. `i64::MAX` is the end of all input.
    pub fn watermark(&mut self, watermark: i64) -> Result<Given> {
        self.clocks.watermark = self.clocks.watermark.max(watermark);
        let mut given = Given::default();
        for key in 0..self.known.len() {
            // Others that a timer sets wait for the next time.
            let mut last = i64::MIN;
            loop {
                let due = |timer: &Timer| matches!(timer, Timer::Event(time) if *time <= watermark && *time > last);
                let Some(timer) = self.take(key, due) else {
                    break;
                };
                last = timer.time();
                given.add(self.fire(key, timer)?);
            }
        }
        Ok(given)
    }

    /// Moves processing time on, and ends an epoch: timers up to it are due.
    pub fn epoch_ends(&mut self, now: i64) -> Result<Given> {
        self.clocks.now = self.clocks.now.max(now);
        let mut given = Given::default();
        for key in 0..self.known.len() {
            let timers = self.known.get(key).map(|known| known.timers.clone());
            let timers = timers.into_iter().flatten();
            let due: Vec<Timer> = timers
                .filter(|timer| matches!(timer, Timer::Processing(time) if *time <= now))
                .collect();
            for timer in due {
                if self.take(key, |other| *other == timer).is_some() {
                    given.add(self.fire(key, timer)?);
                }
            }
        }
        Ok(given)
    }

    fn take(&mut self, key: usize, is_due: impl Fn(&Timer) -> bool) -> Option<Timer> {
        let timers = &mut self.known.get_mut(key)?.timers;
        let due = timers.iter().copied().find(|timer| is_due(timer))?;
        timers.remove(&due);
        Some(due)
    }

    fn fire(&mut self, key: usize, timer: Timer) -> Result<Given> {
        let row = self.known.get(key).map(|known| known.row.clone());
        let row = row.unwrap_or_default();
        let nothing = row.pick(&[]);
        self.call(&[key], &row, (&nothing, &[]), vec![(0, timer)])
    }

    /// The number of the key of a row, which is known from now on.
    pub(super) fn known(&mut self, rows: &Table, row: usize) -> usize {
        let values = self.key.iter().map(|column| rows.values(*column));
        let values = values.filter_map(|values| values.get(row).cloned());
        self.find(values.collect(), || rows.pick(&[row]))
    }

    /// Sets a timer, as an earlier version has.
    pub(super) fn has_timer(&mut self, key: usize, timer: Timer) {
        if let Some(known) = self.known.get_mut(key) {
            known.timers.insert(timer);
        }
    }

    /// The number of a key, which is known from now on.
    fn find(&mut self, key: Vec<Value>, row: impl FnOnce() -> Table) -> usize {
        if let Some(known) = self.known.iter().position(|known| known.key == key) {
            return known;
        }
        self.known.push(Known {
            key,
            row: row(),
            states: Vec::new(),
            timers: BTreeSet::new(),
        });
        self.known.len() - 1
    }

    fn call(
        &mut self,
        keys: &[usize],
        first: &Table,
        (rows, members): (&Table, &[usize]),
        due: Vec<(usize, Timer)>,
    ) -> Result<Given> {
        for (state, declared) in self.opened.states.iter().enumerate() {
            let (mut table, mut members) = (vec![Vec::new(); declared.columns.len()], Vec::new());
            for (place, key) in (0_u32..).zip(keys) {
                let known = self
                    .known
                    .get(*key)
                    .and_then(|known| known.states.get(state));
                for row in known.into_iter().flatten() {
                    members.extend(place.to_le_bytes());
                    for (column, value) in table.iter_mut().zip(row) {
                        column.push(value.clone());
                    }
                }
            }
            let columns = declared.columns.iter().zip(table);
            let table = columns.fold(Table::new(), |table, (field, values)| {
                table.column_of(vec![field.clone()], values)
            });
            let rows = (table.rows(), table.all_buffers());
            self.instance
                .load(state, keys.len(), (rows.0, &rows.1), &members)?;
        }
        let mut pending = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let timers = self.known.get(*key).map(|known| &known.timers);
            pending.extend(timers.into_iter().flatten().map(|timer| (place, *timer)));
        }
        let buffers = |table: &Table, columns: &[usize]| -> Vec<Vec<u8>> {
            let columns = columns.iter();
            columns
                .flat_map(|column| table.buffers(*column).to_vec())
                .collect()
        };
        let members = members
            .iter()
            .flat_map(|member| (*member as u32).to_le_bytes());
        let done = self.instance.process(Work {
            keys: (keys.len(), &buffers(first, &self.key)),
            rows: (rows.rows(), &buffers(rows, &self.reads)),
            members: &members.collect::<Vec<u8>>(),
            due,
            pending,
            clocks: self.clocks,
        })?;
        self.keep(keys, done)
    }

    /// Keeps what has become of keys, as the host does.
    pub(super) fn keep(&mut self, keys: &[usize], done: Done) -> Result<Given> {
        for (state, change) in self.instance.changes().into_iter().enumerate() {
            self.change(keys, state, change)?;
        }
        let mut timers = done.set.iter().map(|(_, timer)| timer);
        if !self.opened.event_timers && timers.any(|timer| matches!(timer, Timer::Event(_))) {
            return Err(Error::new(
                "a timer of event time is set, and `open` has not called `event_timers`",
            ));
        }
        for (timers, is_set) in [(done.deleted, false), (done.set, true)] {
            for (place, timer) in timers {
                let key = keys.get(place).copied().unwrap_or(usize::MAX);
                let timers = self.known.get_mut(key).map(|known| &mut known.timers);
                match (timers, is_set) {
                    (Some(timers), true) => drop(timers.insert(timer)),
                    (Some(timers), false) => drop(timers.remove(&timer)),
                    (None, _) => {}
                }
            }
        }
        let rejected = done.rejected.into_iter();
        let rejected = rejected.map(|rejected| (rejected.row as usize, rejected.reason));
        Ok(Given {
            columns: columns(&self.opened.output, done.rows, &done.buffers)?,
            rejected: rejected.collect(),
        })
    }

    /// Keeps what has become of a state, as the host does.
    fn change(&mut self, keys: &[usize], state: usize, change: Change) -> Result<()> {
        let Some(declared) = self.opened.states.get(state) else {
            return Err(Error::new("a change of a state that was not declared"));
        };
        let named = match declared.kind {
            Kind::Value | Kind::List => 0,
            Kind::Map(named) => named,
        };
        let entry = declared.columns.get(..named).unwrap_or_default();
        let removed = owned(entry, &change.removed)?;
        let put = owned(&declared.columns, &change.put)?;
        let cleared = change.cleared.as_chunks().0.iter();
        for place in cleared.map(|place| u32::from_le_bytes(*place) as usize) {
            if let Some(rows) = rows_of(&mut self.known, keys, place, state) {
                rows.clear();
            }
        }
        for (place, name) in removed {
            if let Some(rows) = rows_of(&mut self.known, keys, place, state) {
                rows.retain(|row| !row.starts_with(&name));
            }
        }
        for (place, row) in put {
            let Some(rows) = rows_of(&mut self.known, keys, place, state) else {
                continue;
            };
            match declared.kind {
                Kind::Value => rows.clear(),
                Kind::List => {}
                Kind::Map(named) => rows.retain(|other| other.get(..named) != row.get(..named)),
            }
            rows.push(row);
        }
        Ok(())
    }
}

// === impl Given ===

impl Given {
    /// The values of a column of the output.
    ///
    /// # Panics
    /// Where rows were given that have no such column: a mistake in the test.
    pub fn column(&self, name: &str) -> &[Value] {
        let found = self.columns.iter().find(|(column, _)| column == name);
        match found {
            Some((_, values)) => values,
            None if self.columns.is_empty() => &[],
            None => panic!("the output has no column `{name}`"),
        }
    }

    /// How many rows were given.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }

    fn add(&mut self, other: Self) {
        self.rejected.extend(other.rejected);
        if self.columns.is_empty() {
            self.columns = other.columns;
            return;
        }
        for ((_, values), (_, more)) in self.columns.iter_mut().zip(other.columns) {
            values.extend(more);
        }
    }
}

/// The rows that a key has of a state.
fn rows_of<'a>(
    known: &'a mut [Known],
    keys: &[usize],
    place: usize,
    state: usize,
) -> Option<&'a mut Rows> {
    let states = &mut known.get_mut(*keys.get(place)?)?.states;
    if states.len() <= state {
        states.resize_with(state + 1, Vec::new);
    }
    states.get_mut(state)
}

/// Rows, and the place of the key of each.
fn owned(fields: &[Field], owned: &Owned) -> Result<Vec<(usize, Vec<Value>)>> {
    let columns = columns(fields, owned.rows, &owned.buffers)?;
    let places = owned.groups.as_chunks().0.iter();
    let places = places.map(|place| u32::from_le_bytes(*place) as usize);
    let rows = places.enumerate().map(|(row, place)| {
        let values = columns.iter();
        let values = values.filter_map(|(_, values)| values.get(row).cloned());
        (place, values.collect())
    });
    Ok(rows.collect())
}

/// Values by column; all columns of a plugin with state are of one field.
fn columns(
    fields: &[Field],
    rows: usize,
    mut buffers: &[Vec<u8>],
) -> Result<Vec<(String, Vec<Value>)>> {
    let columns = fields.iter().map(|field| {
        let count = schema::buffers(&field.format);
        let (own, rest) = buffers.split_at_checked(count).unwrap_or((buffers, &[]));
        buffers = rest;
        let values = table::decode(std::slice::from_ref(field), rows, own)?;
        Ok((field.name.clone(), values))
    });
    columns.collect()
}
