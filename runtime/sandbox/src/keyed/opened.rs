//! What a keyed plugin names in `open`, checked against its input.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    datatypes::{DataType, Schema, SchemaRef, TimeUnit},
    row::{RowConverter, SortField},
};

use crate::{
    GuestError,
    bindings::keyed::exports::azud::plugin::keyed as wit,
    limits::FIELDS,
    schema::{self, announced},
};

/// Letters of a state's name.
const MAX_NAME: usize = 255;

/// How many rows of a state a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// At most one.
    Value,
    /// Any number, in the order in which they were added.
    List,
    /// One for each entry; so many of the first columns are its key.
    Map {
        /// The columns of an entry's key.
        keys: usize,
    },
}

/// Something that a plugin knows of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedState {
    /// Its name.
    pub name: String,
    /// How many rows a key may have.
    pub kind: StateKind,
    /// The columns of a row.
    pub columns: SchemaRef,
    /// Microseconds of processing time after which a row is forgotten.
    pub ttl: Option<u64>,
}

/// What a plugin reads, keeps and answers with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opened {
    pub(crate) reads: Vec<usize>,
    /// The layout in which each of `reads` is sent.
    pub(crate) layouts: Vec<DataType>,
    pub(crate) states: Vec<KeyedState>,
    /// For each state, the columns by which an entry of a map is named.
    pub(crate) entries: Vec<SchemaRef>,
    pub(crate) output: SchemaRef,
    pub(crate) event_time: Option<usize>,
    pub(crate) event_timers: bool,
    pub(crate) pending_timers: bool,
}

// === impl KeyedState ===

impl KeyedState {
    fn check(state: &wit::State) -> Result<Self, GuestError> {
        let name = &state.name;
        let mut letters = name.bytes();
        let is_name = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
        if !is_name || name.len() > MAX_NAME {
            let shown: String = name.chars().take(MAX_NAME).collect();
            return Err(GuestError::invalid(format!(
                "a state is named `{}`: a letter, then letters, digits and `_`, {MAX_NAME} at most",
                crate::escaped(&shown)
            )));
        }
        let columns = announced(&state.columns, &format!("state `{name}`"))?;
        let keys = state.keys as usize;
        let kind = match state.kind {
            wit::Kind::Value if keys == 0 => StateKind::Value,
            wit::Kind::List if keys == 0 => StateKind::List,
            wit::Kind::Value | wit::Kind::List => {
                return Err(GuestError::invalid(format!(
                    "the state `{name}` is no map, and has {keys} key columns"
                )));
            }
            wit::Kind::Map if (1..=columns.fields().len()).contains(&keys) => {
                let mut entry = columns.fields().iter().take(keys);
                if let Some(nested) = entry.find(|field| field.data_type().is_nested()) {
                    return Err(GuestError::invalid(format!(
                        "the map `{name}` has the key column `{}`, which is nested",
                        nested.name()
                    )));
                }
                StateKind::Map { keys }
            }
            wit::Kind::Map => {
                return Err(GuestError::invalid(format!(
                    "the map `{name}` has {keys} key columns of {}",
                    columns.fields().len()
                )));
            }
        };
        let sorted = columns.fields().iter();
        let sorted = sorted.map(|field| SortField::new(field.data_type().clone()));
        if !RowConverter::supports_fields(&sorted.collect::<Vec<_>>()) {
            return Err(GuestError::invalid(format!(
                "the state `{name}` has a column of a type that cannot be kept"
            )));
        }
        if state.ttl == Some(0) {
            return Err(GuestError::invalid(format!(
                "the rows of state `{name}` are kept for no time at all"
            )));
        }
        Ok(Self {
            name: name.clone(),
            kind,
            columns,
            ttl: state.ttl,
        })
    }

    /// The columns by which an entry is named.
    fn entry(&self) -> SchemaRef {
        let keys = match self.kind {
            StateKind::Map { keys } => keys,
            StateKind::Value | StateKind::List => 0,
        };
        let fields = self.columns.fields().iter().take(keys).cloned();
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

// === impl Opened ===

impl Opened {
    pub(crate) fn check(
        opened: wit::Opened,
        input: &Schema,
        key: &[usize],
    ) -> Result<Self, GuestError> {
        let count = input.fields().len();
        let mut reads = Vec::new();
        for column in opened.reads {
            let column = column as usize;
            if column >= count {
                return Err(GuestError::invalid(format!(
                    "`open` reads column {column} of an input of {count} columns"
                )));
            }
            if reads.contains(&column) {
                return Err(GuestError::invalid(format!(
                    "`open` reads column {column} twice"
                )));
            }
            reads.push(column);
        }
        if opened.states.len() > FIELDS {
            return Err(GuestError::invalid(format!(
                "`open` announces more than {FIELDS} states"
            )));
        }
        let states = opened.states.iter().map(KeyedState::check);
        let states = states.collect::<Result<Vec<_>, _>>()?;
        let mut names: BTreeSet<&str> = key
            .iter()
            .filter_map(|column| input.fields().get(*column))
            .map(|field| field.name().as_str())
            .collect();
        if let Some(twice) = states.iter().find(|state| !names.insert(&state.name)) {
            return Err(GuestError::invalid(format!(
                "two states, or a state and a column of the key, are named `{}`",
                twice.name
            )));
        }
        let output = announced(&opened.output, "output")?;
        let event_time = opened.event_time.map(|column| column as usize);
        if let Some(column) = event_time {
            let field = output.fields().get(column);
            let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            if field.is_none_or(|field| *field.data_type() != time) {
                return Err(GuestError::invalid(format!(
                    "column {column} of the output is no timestamp in microseconds (`tsu:UTC`), \
                     and `open` says that it is the event time"
                )));
            }
        }
        Ok(Self {
            layouts: reads
                .iter()
                .filter_map(|column| schema::physical(input.fields().get(*column)?.data_type()))
                .collect(),
            reads,
            entries: states.iter().map(KeyedState::entry).collect(),
            states,
            output,
            event_time,
            event_timers: opened.event_timers,
            pending_timers: opened.pending_timers,
        })
    }
}
