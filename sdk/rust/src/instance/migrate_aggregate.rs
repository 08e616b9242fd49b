//! An opened aggregate that converts what earlier versions have kept.

use crate::{AggregateFormers, Batch, Error, Field, Input, MigrateAggregate, Result};

use super::{
    AggregateInstance, Rows, Schemas,
    aggregate::{FormerVersion, check_groups},
};

// === impl AggregateInstance ===

impl<A: MigrateAggregate> AggregateInstance<A, A::Former> {
    /// The aggregate, and the states of the earlier versions that it knows.
    pub(crate) fn open_migrating(config: &str, input: Vec<Field>) -> Result<(Self, Schemas)> {
        let (mut instance, schemas) = Self::open(config, input)?;
        let mut formers = AggregateFormers::new();
        instance.aggregate.former(&mut formers)?;
        let versions = formers.versions.into_iter();
        let versions = versions.map(|(former, state)| FormerVersion {
            former,
            states: Input::new(state.clone()).read_all(),
            state,
        });
        instance.formers = versions.collect();
        Ok((instance, schemas))
    }

    /// One row of state for each row of an earlier version's.
    pub(crate) fn migrate(
        &mut self,
        version: usize,
        (rows, buffers): Rows<'_>,
    ) -> Result<Vec<Vec<u8>>> {
        let former = self.formers.get(version);
        let former = former.ok_or_else(|| Error::new(format!("there is no version {version}")))?;
        let states = Batch {
            rows,
            buffers,
            reads: &former.states,
        };
        let groups = self.aggregate.migrate(&former.former, &states)?;
        check_groups("migrate", groups.len(), rows)?;
        self.store(&groups)
    }
}
