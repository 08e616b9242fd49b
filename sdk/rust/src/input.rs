//! The schema of a step's input: its columns, found by name.

use crate::{Error, Field, Result, Type, batch::Read, schema};

/// The columns that a step is given. A sink gets all of them in each batch.
pub struct Input {
    fields: Vec<Field>,
    /// Where in `fields` each top-level column starts.
    columns: Vec<usize>,
}

// === impl Input ===

impl Input {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        let mut columns = Vec::new();
        let mut at = 0;
        while at < fields.len() {
            columns.push(at);
            at += schema::span(&fields, at);
        }
        Self { fields, columns }
    }

    /// The columns in order, nested ones without their children.
    pub fn columns(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().filter_map(|at| self.fields.get(*at))
    }

    /// Requires a column that [`Batch::column`](crate::Batch::column) can give as
    /// `T`. Answers with its place, to be remembered: a sink finds the column by it
    /// faster than by its name.
    ///
    /// Refuses an input that has no column of this name, or one of another type:
    /// `azud check` shows the reason beside the step.
    pub fn require<T: Type>(&self, name: &str) -> Result<usize> {
        let (place, format) = self.find(name)?;
        if T::accepts(format) {
            return Ok(place);
        }
        let found = schema::name_of(format);
        Err(Error::new(format!(
            "column `{name}` is {found}, not {}: cast it in SQL before this step",
            T::NAME
        )))
    }

    /// A column's field and all its descendants, in pre-order.
    pub fn fields(&self, name: &str) -> Result<&[Field]> {
        let (place, _) = self.find(name)?;
        Ok(self.descendants(place))
    }

    /// A column's place and its format.
    pub(crate) fn find(&self, name: &str) -> Result<(usize, &str)> {
        let mut columns = self.columns().enumerate();
        match columns.find(|(_, field)| field.name == name) {
            Some((place, field)) => Ok((place, &field.format)),
            None => {
                let names: Vec<_> = self
                    .columns()
                    .map(|field| format!("`{}`", field.name))
                    .collect();
                Err(Error::new(format!(
                    "the input has no column `{name}`; it has {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// The name of a column, by its place.
    pub(crate) fn name(&self, place: usize) -> Option<&str> {
        let at = self.columns.get(place)?;
        self.fields.get(*at).map(|field| field.name.as_str())
    }

    /// The fields of a column, by its place.
    pub(crate) fn descendants(&self, place: usize) -> &[Field] {
        let span = self
            .columns
            .get(place)
            .map(|start| *start..*start + schema::span(&self.fields, *start));
        span.and_then(|span| self.fields.get(span))
            .unwrap_or_default()
    }

    /// All columns, as a batch that has all of them is read.
    pub(crate) fn read_all(&self) -> Vec<Read> {
        let mut reads = Vec::with_capacity(self.columns.len());
        for place in 0..self.columns.len() {
            let read = Read::new(self.descendants(place), reads.last());
            reads.push(read);
        }
        reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Int64, Utf8};

    fn field(name: &str, format: &str, children: u32) -> Field {
        Field {
            name: name.into(),
            format: format.into(),
            nullable: true,
            children,
        }
    }

    fn input() -> Input {
        Input::new(vec![
            field("user", "u", 0),
            field("tags", "+l", 1),
            field("item", "u", 0),
            field("amount", "l", 0),
        ])
    }

    #[test]
    fn columns_are_found_past_the_children_of_others() {
        let input = input();
        let names: Vec<_> = input.columns().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["user", "tags", "amount"]);
        assert_eq!(input.require::<Int64>("amount").unwrap(), 2);
        assert_eq!(input.fields("tags").unwrap().len(), 2);
        let reads = input.read_all();
        assert_eq!((reads[2].first_buffer, reads[2].buffers), (3 + 2 + 3, 2));
    }

    #[test]
    fn what_is_missing_or_another_type_is_refused() {
        let refused = |result: Result<usize>| result.unwrap_err().to_string();
        assert_eq!(
            refused(input().require::<Utf8>("item")),
            "the input has no column `item`; it has `user`, `tags`, `amount`"
        );
        assert_eq!(
            refused(input().require::<Int64>("user")),
            "column `user` is string, not bigint: cast it in SQL before this step"
        );
    }
}
