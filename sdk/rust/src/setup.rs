//! What a plugin makes of its input's schema: which columns it reads, which
//! pass, which it computes.

use crate::{Error, Field, Result, Type, batch::Read, schema};

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    Carried(u32),
    Computed(Vec<Field>),
}

/// The input's schema, and the plugin's answer to it.
pub struct Setup {
    input: Vec<Field>,
    /// Where in `input` each top-level column starts.
    columns: Vec<usize>,
    pub(crate) reads: Vec<u32>,
    pub(crate) read: Vec<Read>,
    pub(crate) output: Vec<Out>,
}

/// A column that was just declared computed.
pub struct Computed<'a>(&'a mut Vec<Field>);

// === impl Out ===

impl Out {
    /// The name of a computed column.
    fn computed(&self) -> Option<&str> {
        match self {
            Self::Carried(_) => None,
            Self::Computed(fields) => fields.first().map(|field| field.name.as_str()),
        }
    }
}

// === impl Setup ===

impl Setup {
    pub(crate) fn new(input: Vec<Field>) -> Self {
        let mut columns = Vec::new();
        let mut at = 0;
        while at < input.len() {
            columns.push(at);
            at += schema::span(&input, at);
        }
        Self {
            input,
            columns,
            reads: Vec::new(),
            read: Vec::new(),
            output: Vec::new(),
        }
    }

    /// The columns of the input, nested ones without their children.
    pub fn input(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().filter_map(|at| self.input.get(*at))
    }

    /// Reads a column as `T`. Refuses an input that has none of this name, or
    /// one of another type: `azud check` shows the reason beside the step.
    pub fn read<T: Type>(&mut self, name: &str) -> Result<()> {
        let (column, format) = self.find(name)?;
        if !T::accepts(&format) {
            let found = schema::name_of(&format);
            return Err(Error::new(format!(
                "column `{name}` is {found}, not {}: cast it in SQL before this step",
                T::NAME
            )));
        }
        self.add(name, column, format);
        Ok(())
    }

    /// Reads a column of any type, as its buffers: see
    /// [`Batch::buffers`](crate::Batch::buffers). Answers with the column's field
    /// and its descendants.
    pub fn read_any(&mut self, name: &str) -> Result<Vec<Field>> {
        let (column, format) = self.find(name)?;
        self.add(name, column, format);
        Ok(self.fields(column).cloned().collect())
    }

    /// Passes a column of the input through.
    pub fn carry(&mut self, name: &str) -> Result<()> {
        let (column, _) = self.find(name)?;
        self.output.push(Out::Carried(column as u32));
        Ok(())
    }

    /// Passes all columns of the input through, in their order, but for those
    /// that are computed anew.
    pub fn carry_all(&mut self) {
        let computed: Vec<&str> = self.output.iter().filter_map(Out::computed).collect();
        let names = self.input().map(|field| field.name.as_str());
        let carried: Vec<Out> = (0..)
            .zip(names)
            .filter(|(_, name)| !computed.contains(name))
            .map(|(column, _)| Out::Carried(column))
            .collect();
        self.output.extend(carried);
    }

    /// Adds a computed column, for which `process` calls
    /// [`Output::set`](crate::Output::set); one that has the name of a column
    /// that is carried takes its place. Its rows may be null unless
    /// [`not_null`](Computed::not_null) follows.
    pub fn compute<T: Type>(&mut self, name: &str, r#type: T) -> Computed<'_> {
        let field = Field {
            name: name.into(),
            format: r#type.format(),
            nullable: true,
            children: 0,
        };
        self.compute_fields(vec![field])
    }

    /// Adds a computed column of a nested type: its field and all descendants.
    pub fn compute_fields(&mut self, fields: Vec<Field>) -> Computed<'_> {
        let name = fields.first().map(|field| field.name.as_str());
        let carried = self.output.iter().position(|column| match column {
            Out::Carried(column) => self.name(*column) == name,
            Out::Computed(_) => false,
        });
        let place = carried.unwrap_or(self.output.len());
        let column = Out::Computed(fields);
        match self.output.get_mut(place) {
            Some(carried) => *carried = column,
            None => self.output.push(column),
        }
        match self.output.get_mut(place) {
            Some(Out::Computed(fields)) => Computed(fields),
            _ => unreachable!("a computed column was just put there"),
        }
    }

    fn name(&self, column: u32) -> Option<&str> {
        let at = self.columns.get(column as usize)?;
        self.input.get(*at).map(|field| field.name.as_str())
    }

    fn find(&self, name: &str) -> Result<(usize, String)> {
        let mut columns = self.input().enumerate();
        match columns.find(|(_, field)| field.name == name) {
            Some((column, field)) => Ok((column, field.format.clone())),
            None => {
                let names: Vec<_> = self
                    .input()
                    .map(|field| format!("`{}`", field.name))
                    .collect();
                Err(Error::new(format!(
                    "the input has no column `{name}`; it has {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// A column's field and its descendants.
    fn fields(&self, column: usize) -> impl Iterator<Item = &Field> {
        let start = self.columns.get(column).copied().unwrap_or_default();
        self.input
            .iter()
            .skip(start)
            .take(schema::span(&self.input, start))
    }

    fn add(&mut self, name: &str, column: usize, format: String) {
        if self.read.iter().any(|read| read.name == name) {
            return;
        }
        let buffers = self
            .fields(column)
            .map(|field| schema::buffers(&field.format))
            .sum();
        self.read.push(Read {
            name: name.into(),
            format,
            first_buffer: self
                .read
                .last()
                .map_or(0, |last| last.first_buffer + last.buffers),
            buffers,
        });
        self.reads.push(column as u32);
    }
}

// === impl Computed ===

impl Computed<'_> {
    /// No row of this column is ever null: the host refuses a batch where one
    /// is, and SQL may rely on it.
    pub fn not_null(self) {
        if let Some(field) = self.0.first_mut() {
            field.nullable = false;
        }
    }
}
