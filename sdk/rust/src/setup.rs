//! What a plugin makes of its input's schema: which columns it reads, which
//! pass, which it computes.

use crate::{Field, Input, Result, Type, batch::Read};

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    Carried(u32),
    Computed(Vec<Field>),
}

/// The input's schema, and the plugin's answer to it.
pub struct Setup {
    input: Input,
    pub(crate) reads: Vec<u32>,
    pub(crate) read: Vec<Read>,
    pub(crate) output: Vec<Out>,
}

/// A column that was just declared computed.
pub struct Computed<'a>(pub(crate) &'a mut Vec<Field>);

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
        Self {
            input: Input::new(input),
            reads: Vec::new(),
            read: Vec::new(),
            output: Vec::new(),
        }
    }

    /// The columns of the input, nested ones without their children.
    pub fn input(&self) -> impl Iterator<Item = &Field> {
        self.input.columns()
    }

    /// Reads a column as `T`. Refuses an input that has none of this name, or
    /// one of another type: `azud check` shows the reason beside the step.
    pub fn read<T: Type>(&mut self, name: &str) -> Result<()> {
        let column = self.input.require::<T>(name)?;
        self.add(column);
        Ok(())
    }

    /// Reads a column of any type, as its buffers: see
    /// [`Batch::buffers`](crate::Batch::buffers). Answers with the column's field
    /// and its descendants.
    pub fn read_any(&mut self, name: &str) -> Result<Vec<Field>> {
        let (column, _) = self.input.find(name)?;
        self.add(column);
        Ok(self.input.descendants(column).to_vec())
    }

    /// Passes a column of the input through.
    pub fn carry(&mut self, name: &str) -> Result<()> {
        let (column, _) = self.input.find(name)?;
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
            Out::Carried(column) => self.input.name(*column as usize) == name,
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

    fn add(&mut self, column: usize) {
        if self.reads.contains(&(column as u32)) {
            return;
        }
        let read = Read::new(self.input.descendants(column), self.read.last());
        self.read.push(read);
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
