//! Runs an aggregate on a group, and tries whether pieces of it give the same.

use super::{Table, Value, table};
use crate::{
    Aggregate, Error, Field, Result,
    instance::{AggregateInstance, Schemas},
    schema,
};

/// What an aggregate made of a group.
#[derive(Debug, PartialEq)]
pub struct Reduced {
    /// The columns of the result: a value each.
    pub columns: Vec<(String, Value)>,
}

/// A row of state, as its buffers.
type State = Vec<Vec<u8>>;

/// Runs `open` with a configuration (JSON) for the columns of a table, and reduces all its rows
/// as one group.
///
/// An aggregate is given its rows in any pieces and any order. So the same is done with all rows
/// at once, row by row, and cut in two at each row, either half first: where that gives another
/// result, the error says which. Floats may differ by a billionth.
pub fn reduce<A: Aggregate>(config: &str, rows: &Table) -> Result<Reduced> {
    let (instance, schemas) = AggregateInstance::<A>::open(config, rows.fields())?;
    let mut run = Run { instance, schemas };
    let all: Vec<usize> = (0..rows.rows()).collect();
    let empty = run.update(None, &rows.pick(&[]))?;
    let whole = run.update(None, rows)?;
    let result = run.finish(&whole)?;
    let same = |what: &str, run: &mut Run<A>, state: &State| match run.finish(state)? {
        other if other.is_close(&result) => Ok(()),
        other => Err(Error::new(format!(
            "{what}, the result is {other:?} instead of {result:?}"
        ))),
    };
    let mut state = empty.clone();
    for row in &all {
        state = run.update(Some(&state), &rows.pick(&[*row]))?;
    }
    same("row by row", &mut run, &state)?;
    for cut in 0..=all.len() {
        let (first, then) = all.split_at(cut);
        let first = run.update(None, &rows.pick(first))?;
        let second = run.update(None, &rows.pick(then))?;
        let merged = run.merge(&[&first, &second])?;
        same(
            &format!("cut before row {cut} and merged"),
            &mut run,
            &merged,
        )?;
        let merged = run.merge(&[&second, &first])?;
        let what = format!("cut before row {cut} and merged the other way round");
        same(&what, &mut run, &merged)?;
        let added = run.update(Some(&first), &rows.pick(then))?;
        same(&format!("cut before row {cut} and added"), &mut run, &added)?;
        let merged = run.merge(&[&first, &empty, &second])?;
        let what = format!("cut before row {cut} and merged with a group without rows");
        same(&what, &mut run, &merged)?;
    }
    Ok(result)
}

// === impl Reduced ===

impl Reduced {
    fn is_close(&self, other: &Self) -> bool {
        let pairs = self.columns.iter().zip(&other.columns);
        let mut pairs = pairs.map(|((_, value), (_, other))| (value, other));
        pairs.all(|pair| match pair {
            (Value::Float(value), Value::Float(other)) => {
                value.to_bits() == other.to_bits()
                    || (value - other).abs() <= 1e-9 * value.abs().max(other.abs())
            }
            (value, other) => value == other,
        })
    }

    /// The value of a column of the result.
    ///
    /// # Panics
    /// Where there is no such column: a mistake in the test.
    pub fn value(&self, name: &str) -> &Value {
        let found = self.columns.iter().find(|(column, _)| column == name);
        &found
            .unwrap_or_else(|| panic!("the result has no column `{name}`"))
            .1
    }
}

struct Run<A> {
    instance: AggregateInstance<A>,
    schemas: Schemas,
}

// === impl Run ===

impl<A: Aggregate> Run<A> {
    fn update(&mut self, state: Option<&State>, rows: &Table) -> Result<State> {
        let nothing = Vec::new();
        let states = match state {
            Some(state) => (1, state.as_slice()),
            None => (0, nothing.as_slice()),
        };
        let empty: Vec<Vec<u8>>;
        let states = match states {
            (0, _) => {
                let buffers = self.schemas.state.iter();
                empty = vec![Vec::new(); buffers.map(|field| schema::buffers(&field.format)).sum()];
                (0, empty.as_slice())
            }
            some => some,
        };
        let members = vec![0; rows.rows() * 4];
        self.instance
            .update(states, 1, &members, (rows.rows(), &rows.all_buffers()))
    }

    /// States in one batch have their values one after the other: here they are built anew.
    fn merge(&mut self, states: &[&State]) -> Result<State> {
        let mut table = Table::new();
        let mut at = 0;
        for column in columns(&self.schemas.state) {
            let count: usize = column
                .iter()
                .map(|field| schema::buffers(&field.format))
                .sum();
            let mut values = Vec::new();
            for state in states {
                let own = state.get(at..at + count).unwrap_or_default();
                values.extend(table::decode(column, 1, own)?);
            }
            at += count;
            table = table.column_of(column.to_vec(), values);
        }
        let members = vec![0; states.len() * 4];
        self.instance
            .merge((states.len(), &table.all_buffers()), 1, &members)
    }

    fn finish(&mut self, state: &State) -> Result<Reduced> {
        let results = self.instance.finish((1, state))?;
        let mut rest = results.as_slice();
        let mut reduced = Vec::new();
        for column in columns(&self.schemas.output) {
            let count = column
                .iter()
                .map(|field| schema::buffers(&field.format))
                .sum();
            let (own, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = after;
            let value = table::decode(column, 1, own)?.pop().unwrap_or(Value::Null);
            let name = column.first().map(|field| field.name.clone());
            reduced.push((name.unwrap_or_default(), value));
        }
        Ok(Reduced { columns: reduced })
    }
}

/// One slice a column, with its descendants.
pub(super) fn columns(mut fields: &[Field]) -> Vec<&[Field]> {
    let mut columns = Vec::new();
    while !fields.is_empty() {
        let (column, rest) = fields.split_at(schema::span(fields, 0).min(fields.len()));
        columns.push(column);
        fields = rest;
    }
    columns
}
