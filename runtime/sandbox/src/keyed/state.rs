//! The states of a plugin, checked: those that it keeps, and those of earlier versions.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    datatypes::{Schema, SchemaRef},
    row::{RowConverter, SortField},
};

use crate::{
    GuestError,
    bindings::keyed::exports::azud::plugin::keyed as wit,
    limits::{FIELDS, FORMERS},
    schema::announced,
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

/// The states that `open` or, of an earlier version, `former` has answered: `who` in messages.
/// They have other names than the key's columns.
pub(super) fn check(
    states: &[wit::State],
    input: &Schema,
    key: &[usize],
    who: &str,
) -> Result<Vec<KeyedState>, GuestError> {
    if states.len() > FIELDS {
        return Err(GuestError::invalid(format!(
            "{who} announces more than {FIELDS} states"
        )));
    }
    let states = states.iter().map(KeyedState::check);
    let states = states.collect::<Result<Vec<_>, _>>()?;
    let mut names: BTreeSet<&str> = key
        .iter()
        .filter_map(|column| input.fields().get(*column))
        .map(|field| field.name().as_str())
        .collect();
    match states.iter().find(|state| !names.insert(&state.name)) {
        None => Ok(states),
        Some(twice) => Err(GuestError::invalid(format!(
            "two states, or a state and a column of the key, are named `{}`",
            twice.name
        ))),
    }
}

/// What `former` has answered: the states of each earlier version.
pub(crate) fn check_formers(
    formers: &[Vec<wit::State>],
    input: &Schema,
    key: &[usize],
) -> Result<Vec<Vec<KeyedState>>, GuestError> {
    if formers.len() > FORMERS {
        return Err(GuestError::invalid(format!(
            "`former` announces more than {FORMERS} versions"
        )));
    }
    let formers = (0..).zip(formers);
    formers
        .map(|(number, states): (u32, _)| {
            let checked = check(states, input, key, "`former`");
            checked.map_err(|error| match error {
                GuestError::Invalid { what } => {
                    GuestError::invalid(format!("of version {number} in `former`: {what}"))
                }
                error => error,
            })
        })
        .collect()
}

// === impl KeyedState ===

impl KeyedState {
    pub(super) fn check(state: &wit::State) -> Result<Self, GuestError> {
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
    pub(super) fn entry(&self) -> SchemaRef {
        let keys = match self.kind {
            StateKind::Map { keys } => keys,
            StateKind::Value | StateKind::List => 0,
        };
        let fields = self.columns.fields().iter().take(keys).cloned();
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}
