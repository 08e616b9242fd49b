//! An opened aggregate.

use crate::{
    Aggregate, Batch, Columns, Error, Field, Input, Members, Result, Signature, batch::Read,
    config, output::Computed,
};

/// Rows as they cross the boundary: how many, and the buffers of their columns.
pub(crate) type Rows<'a> = (usize, &'a [Vec<u8>]);

/// An aggregate and the columns that it named; `F` is what it calls an earlier version.
pub(crate) struct AggregateInstance<A, F = ()> {
    pub(super) aggregate: A,
    arguments: Vec<Read>,
    states: Vec<Read>,
    stored: Vec<Computed>,
    results: Vec<Computed>,
    pub(crate) formers: Vec<FormerVersion<F>>,
}

/// The state of an earlier version.
pub(crate) struct FormerVersion<F> {
    pub(super) former: F,
    pub(super) states: Vec<Read>,
    pub(crate) state: Vec<Field>,
}

/// The columns that an aggregate named, with their descendants.
pub(crate) struct Schemas {
    pub(crate) state: Vec<Field>,
    pub(crate) output: Vec<Field>,
}

// === impl AggregateInstance ===

impl<A: Aggregate, F> AggregateInstance<A, F> {
    pub(crate) fn open(config: &str, input: Vec<Field>) -> Result<(Self, Schemas)> {
        let config = config::parse(config)?;
        let mut signature = Signature::new(Input::new(input));
        let aggregate = A::open(config, &mut signature)?;
        signature.check()?;
        let computed = |columns: &[Vec<Field>]| columns.iter().map(Computed::of).collect();
        let schemas = Schemas {
            state: signature.state.concat(),
            output: signature.output.concat(),
        };
        let instance = Self {
            aggregate,
            arguments: signature.input().read_all(),
            states: Input::new(schemas.state.clone()).read_all(),
            stored: computed(&signature.state),
            results: computed(&signature.output),
            formers: Vec::new(),
        };
        Ok((instance, schemas))
    }

    /// One row of state for each group, of rows and what was known before.
    pub(crate) fn update(
        &mut self,
        states: Rows<'_>,
        groups: usize,
        members: &[u8],
        (rows, buffers): Rows<'_>,
    ) -> Result<Vec<Vec<u8>>> {
        let members = Members::new(members, rows, groups)?;
        let mut of_groups = self.load(states)?;
        of_groups.resize_with(groups, A::Group::default);
        let rows = Batch {
            rows,
            buffers,
            reads: &self.arguments,
        };
        self.aggregate.update(&mut of_groups, members, &rows)?;
        self.store(&of_groups)
    }

    /// One row of state for each group, of several.
    pub(crate) fn merge(
        &mut self,
        states: Rows<'_>,
        groups: usize,
        members: &[u8],
    ) -> Result<Vec<Vec<u8>>> {
        let members = Members::new(members, states.0, groups)?;
        let mut merged: Vec<Option<A::Group>> = Vec::new();
        merged.resize_with(groups, || None);
        for (member, group) in members.into_iter().zip(self.load(states)?) {
            match merged.get_mut(member) {
                Some(Some(known)) => self.aggregate.merge(known, group)?,
                Some(new) => *new = Some(group),
                None => return Err(Error::new("a row has no group")),
            }
        }
        let merged: Vec<A::Group> = merged.into_iter().map(Option::unwrap_or_default).collect();
        self.store(&merged)
    }

    /// The results of rows of state.
    pub(crate) fn finish(&mut self, states: Rows<'_>) -> Result<Vec<Vec<u8>>> {
        let groups = self.load(states)?;
        let mut results = Columns::new(&self.results, groups.len());
        self.aggregate.finish(&groups, &mut results)?;
        results.finish()
    }

    fn load(&mut self, (rows, buffers): Rows<'_>) -> Result<Vec<A::Group>> {
        let states = Batch {
            rows,
            buffers,
            reads: &self.states,
        };
        let groups = self.aggregate.load(&states)?;
        check_groups("load", groups.len(), rows)?;
        Ok(groups)
    }

    pub(super) fn store(&mut self, groups: &[A::Group]) -> Result<Vec<Vec<u8>>> {
        let mut states = Columns::new(&self.stored, groups.len());
        self.aggregate.store(groups, &mut states)?;
        states.finish()
    }
}

/// A call makes one group of each state.
pub(super) fn check_groups(call: &str, groups: usize, states: usize) -> Result<()> {
    match groups == states {
        true => Ok(()),
        false => Err(Error::new(format!(
            "`{call}` made {groups} groups of {states} states"
        ))),
    }
}
