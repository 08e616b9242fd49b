//! What an aggregate takes, keeps and gives.

use crate::{Computed, Error, Field, Input, Result, Type, schema};

/// The types of a function's arguments, and the plugin's answer to them.
pub struct Signature {
    input: Input,
    /// How many of the arguments the function has named.
    taken: usize,
    pub(crate) state: Vec<Vec<Field>>,
    pub(crate) output: Vec<Vec<Field>>,
}

// === impl Signature ===

impl Signature {
    pub(crate) fn new(input: Input) -> Self {
        Self {
            input,
            taken: 0,
            state: Vec::new(),
            output: Vec::new(),
        }
    }

    /// How many arguments the function is called with.
    pub fn arguments(&self) -> usize {
        self.input.columns().count()
    }

    /// Takes an argument, counted from 0, as `T`: [`Batch::column`](crate::Batch::column)
    /// gives it by that number. Refuses a call without it, or with one of another type; and one
    /// with more arguments than were taken: `azud check` shows the reason beside the call.
    pub fn argument<T: Type>(&mut self, place: usize) -> Result<()> {
        let (number, fields) = (place + 1, self.argument_any(place)?);
        let format = fields.first().map_or("", |field| field.format.as_str());
        if T::accepts(format) {
            return Ok(());
        }
        let found = schema::name_of(format);
        Err(Error::new(format!(
            "argument {number} is {found}, not {}: cast it in SQL",
            T::NAME
        )))
    }

    /// Takes an argument of any type, as its buffers: see
    /// [`Batch::buffers`](crate::Batch::buffers). Answers with its field and descendants.
    pub fn argument_any(&mut self, place: usize) -> Result<Vec<Field>> {
        let (number, given) = (place + 1, self.arguments());
        if place >= given {
            return Err(Error::new(format!(
                "there is no argument {number}: it is called with {given}"
            )));
        }
        self.taken = self.taken.max(number);
        Ok(self.input.descendants(place).to_vec())
    }

    /// Adds a column to the state of a group. It may be null unless
    /// [`not_null`](Computed::not_null) follows. Names and types of these columns are what a
    /// checkpoint relies on: another version of the plugin that has the same goes on with it.
    pub fn state<T: Type>(&mut self, name: &str, r#type: T) -> Computed<'_> {
        add(&mut self.state, vec![leaf(name, &r#type)])
    }

    /// Adds a column of a nested type to the state: its field and all descendants.
    pub fn state_fields(&mut self, fields: Vec<Field>) -> Computed<'_> {
        add(&mut self.state, fields)
    }

    /// Adds a column to the result of a group. The only one is the function's value in SQL;
    /// several are the fields of a struct.
    pub fn output<T: Type>(&mut self, name: &str, r#type: T) -> Computed<'_> {
        add(&mut self.output, vec![leaf(name, &r#type)])
    }

    /// Adds a column of a nested type to the result.
    pub fn output_fields(&mut self, fields: Vec<Field>) -> Computed<'_> {
        add(&mut self.output, fields)
    }

    /// Refuses a call with arguments that nobody takes.
    pub(crate) fn check(&self) -> Result<()> {
        let (taken, given) = (self.taken, self.arguments());
        match given > taken {
            true => Err(Error::new(format!(
                "it takes {taken} {}, and is called with {given}",
                if taken == 1 { "argument" } else { "arguments" }
            ))),
            false => Ok(()),
        }
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }
}

/// The field of a column that is not nested.
pub(crate) fn leaf(name: &str, r#type: &impl Type) -> Field {
    Field {
        name: name.into(),
        format: r#type.format(),
        nullable: true,
        children: 0,
    }
}

/// Adds a column: its field and all descendants.
pub(crate) fn add(columns: &mut Vec<Vec<Field>>, fields: Vec<Field>) -> Computed<'_> {
    columns.push(fields);
    match columns.last_mut() {
        Some(fields) => Computed(fields),
        None => unreachable!("a column was just put there"),
    }
}
