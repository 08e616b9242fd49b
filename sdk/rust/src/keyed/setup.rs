//! What a plugin with state makes of its input: what it reads, keeps and gives.

use std::{rc::Rc, time::Duration};

use super::{
    Emits, Emitter, List, Map, Record, Value,
    slot::{Declared, Kind, Slot},
};
use crate::{Error, Field, Input, Result, Type, batch::Read};

/// The input's schema, the key, and the plugin's answer to it.
pub struct KeyedSetup {
    input: Input,
    key: Vec<usize>,
    pub(crate) reads: Vec<u32>,
    pub(crate) read: Vec<Read>,
    pub(crate) states: Vec<Declaration>,
    pub(crate) output: Vec<Field>,
    pub(crate) emits: Option<Rc<dyn Emits>>,
    pub(crate) event_time: Option<u32>,
    pub(crate) event_timers: bool,
    pub(crate) pending_timers: bool,
}

/// Declares states: those of an earlier version, or such that are forgotten some time after they
/// were written.
pub struct States<'a> {
    all: &'a mut Vec<Declaration>,
    ttl: Option<u64>,
}

/// A state, and where its rows are during a call.
pub(crate) type Declaration = (Declared, Rc<dyn Slot>);

// === impl KeyedSetup ===

impl KeyedSetup {
    pub(crate) fn new(input: Input, key: Vec<usize>) -> Self {
        Self {
            input,
            key,
            reads: Vec::new(),
            read: Vec::new(),
            states: Vec::new(),
            output: Vec::new(),
            emits: None,
            event_time: None,
            event_timers: false,
            pending_timers: false,
        }
    }

    /// The columns of the input, nested ones without their children.
    pub fn input(&self) -> impl Iterator<Item = &Field> {
        self.input.columns()
    }

    /// Requires a column of the key that [`Context::key`](crate::Context::key) can give as `T`.
    pub fn key<T: Type>(&mut self, name: &str) -> Result<()> {
        let column = self.input.require::<T>(name)?;
        match self.key.contains(&column) {
            true => Ok(()),
            false => Err(Error::new(format!(
                "column `{name}` is not of the key: write `key: [{name}]`"
            ))),
        }
    }

    /// Reads a column of the rows as `T`. Refuses an input that has none of this name, or one
    /// of another type: `azud check` shows the reason beside the step.
    pub fn read<T: Type>(&mut self, name: &str) -> Result<()> {
        let column = self.input.require::<T>(name)?;
        if !self.reads.contains(&(column as u32)) {
            let read = Read::new(self.input.descendants(column), self.read.last());
            self.read.push(read);
            self.reads.push(column as u32);
        }
        Ok(())
    }

    /// Declares a state of at most one row a key, with the names of its columns. Names and types
    /// are what a checkpoint relies on: another version of the plugin that declares the same
    /// goes on with it.
    pub fn value<R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<Value<R>> {
        self.kept_for(None).value(name, columns)
    }

    /// Declares a state of any number of rows a key.
    pub fn list<R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<List<R>> {
        self.kept_for(None).list(name, columns)
    }

    /// Declares a state of entries: first the columns of an entry's own key, then the others.
    pub fn map<K: Record, R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<Map<K, R>>
    where
        K::Row: Ord,
    {
        self.kept_for(None).map(name, columns)
    }

    /// Declares states whose rows are forgotten when they were not written for so long, by
    /// processing time.
    pub fn ttl(&mut self, ttl: Duration) -> States<'_> {
        self.kept_for(Some(u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Declares the columns of the output, and gives what takes its rows. Called once.
    pub fn output<R: Record>(&mut self, columns: &[&str]) -> Result<Emitter<R>> {
        check_names::<R>("the output", columns)?;
        if self.emits.is_some() {
            return Err(Error::new("the output is declared twice"));
        }
        let emitter = Emitter::<R>::new();
        self.output = R::fields(columns);
        self.emits = Some(emitter.emits());
        Ok(emitter)
    }

    /// Says that a column of the output is the event time of its rows: windows below go by it.
    /// Rows behind the watermark are late there.
    pub fn event_time(&mut self, column: &str) -> Result<()> {
        let place = self.output.iter().position(|field| field.name == column);
        let place = place.ok_or_else(|| {
            Error::new(format!(
                "the output has no column `{column}`: declare it first"
            ))
        })?;
        self.event_time = Some(place as u32);
        Ok(())
    }

    /// Says that [`Context::timers`](crate::Context::timers) is asked: a call is told then which
    /// timers its keys have, however many these are.
    pub fn pending_timers(&mut self) {
        self.pending_timers = true;
    }

    /// Says that timers of event time are set: rows that are not after the watermark are late then
    /// (they come all the same where the node says `late: update`), and the input must have an
    /// event time.
    pub fn event_timers(&mut self) {
        self.event_timers = true;
    }

    pub(crate) fn key_columns(&self) -> Vec<Read> {
        let mut reads: Vec<Read> = Vec::new();
        for column in &self.key {
            let read = Read::new(self.input.descendants(*column), reads.last());
            reads.push(read);
        }
        reads
    }

    fn kept_for(&mut self, ttl: Option<u64>) -> States<'_> {
        States {
            all: &mut self.states,
            ttl,
        }
    }
}

// === impl States ===

impl<'a> States<'a> {
    pub(super) fn kept_for_ever(all: &'a mut Vec<Declaration>) -> Self {
        Self { all, ttl: None }
    }

    /// As [`KeyedSetup::value`].
    pub fn value<R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<Value<R>> {
        check_names::<R>(name, columns)?;
        let value = Value::new();
        self.add(name, Kind::Value, R::fields(columns), value.slot());
        Ok(value)
    }

    /// As [`KeyedSetup::list`].
    pub fn list<R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<List<R>> {
        check_names::<R>(name, columns)?;
        let list = List::new();
        self.add(name, Kind::List, R::fields(columns), list.slot());
        Ok(list)
    }

    /// As [`KeyedSetup::map`].
    pub fn map<K: Record, R: Record>(&mut self, name: &str, columns: &[&str]) -> Result<Map<K, R>>
    where
        K::Row: Ord,
    {
        let (key, rest) = columns.split_at(K::COLUMNS.min(columns.len()));
        check_names::<K>(name, key)?;
        check_names::<R>(name, rest)?;
        let map = Map::new();
        let fields = [K::fields(key), R::fields(rest)].concat();
        self.add(name, Kind::Map(K::COLUMNS), fields, map.slot());
        Ok(map)
    }

    fn add(&mut self, name: &str, kind: Kind, columns: Vec<Field>, slot: Rc<dyn Slot>) {
        let declared = Declared {
            name: name.to_owned(),
            kind,
            columns,
            ttl: self.ttl,
        };
        self.all.push((declared, slot));
    }
}

fn check_names<R: Record>(of: &str, names: &[&str]) -> Result<()> {
    match names.len() == R::COLUMNS {
        true => Ok(()),
        false => Err(Error::new(format!(
            "{of} has {} columns, and {} names",
            R::COLUMNS,
            names.len()
        ))),
    }
}
