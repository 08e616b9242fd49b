//! The columns that a plugin named in `open`, checked against its input.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::{
    GuestError, bindings::exports::azud::plugin::transform as wit, limits::FIELDS, schema,
};

/// A column of the output.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    Carried(usize),
    Computed(Field),
}

/// What a plugin reads and what it answers with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    pub(super) reads: Vec<usize>,
    /// The layout in which each of `reads` is sent.
    pub(super) layouts: Vec<DataType>,
    pub(super) output: Vec<Column>,
    /// Whether any column is carried.
    pub(super) carries: bool,
}

// === impl Columns ===

impl Columns {
    pub(super) fn check(opened: wit::Opened, input: &Schema) -> Result<Self, GuestError> {
        if opened.columns.len() > FIELDS || opened.reads.len() > FIELDS.max(input.fields().len()) {
            return Err(GuestError::invalid(format!(
                "`open` names more than {FIELDS} columns"
            )));
        }
        let fields = opened.columns.iter().map(|column| match column {
            wit::Column::Carried(_) => 1,
            wit::Column::Computed(fields) => fields.len(),
        });
        // One column with too many is told by its name, below.
        if opened.columns.len() > 1 && fields.sum::<usize>() > FIELDS {
            return Err(GuestError::invalid(format!(
                "`open` announces more than {FIELDS} fields, nested ones included"
            )));
        }
        let number = |what: &str, column: u32| match column as usize {
            column if column < input.fields().len() => Ok(column),
            column => {
                let count = input.fields().len();
                Err(GuestError::invalid(format!(
                    "`open` {what} column {column} of an input of {count} columns"
                )))
            }
        };
        let reads = opened
            .reads
            .into_iter()
            .map(|column| number("reads", column))
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = reads.iter().find(|column| !seen.insert(**column)) {
            return Err(GuestError::invalid(format!(
                "`open` reads column {twice} twice"
            )));
        }
        let output = opened.columns.iter().map(|column| match column {
            wit::Column::Carried(column) => number("carries", *column).map(Column::Carried),
            wit::Column::Computed(fields) => schema::from_wire(fields).map(Column::Computed),
        });
        let output = output.collect::<Result<Vec<_>, _>>()?;
        if output.is_empty() {
            return Err(GuestError::invalid(
                "`open` names no column of the output: a row needs one",
            ));
        }
        let layouts = reads
            .iter()
            .filter_map(|column| schema::physical(input.field(*column).data_type()))
            .collect();
        let carries = output
            .iter()
            .any(|column| matches!(column, Column::Carried(_)));
        let columns = Self {
            reads,
            layouts,
            output,
            carries,
        };
        let mut names = BTreeSet::new();
        match columns
            .schema(input)
            .fields()
            .iter()
            .find(|field| !names.insert(field.name().clone()))
        {
            None => Ok(columns),
            Some(field) => Err(GuestError::invalid(format!(
                "two columns of the output are named `{}`",
                field.name()
            ))),
        }
    }

    pub(super) fn schema(&self, input: &Schema) -> SchemaRef {
        // Numbers were checked against this input.
        let fields = self.output.iter().filter_map(|column| match column {
            Column::Carried(column) => input.fields().get(*column).map(Arc::clone),
            Column::Computed(field) => Some(Arc::new(field.clone())),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}
