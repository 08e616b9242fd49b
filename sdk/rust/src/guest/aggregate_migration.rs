//! The glue between the export `aggregate-migration` and a [`MigrateAggregate`].

use super::{
    Batch, Field,
    aggregate::{Opened, Schemas, answered},
    from_wit, log_panics, to_wit,
};
use crate::{Error, MigrateAggregate, instance::AggregateInstance};

pub use super::aggregate_bindings::exports::azud::plugin::aggregate_migration::Guest;

// === impl Opened ===

impl<A: MigrateAggregate> Opened<A, A::Former> {
    /// The export `open`.
    pub fn open_migrating(&self, config: &str, input: Vec<Field>) -> Result<Schemas, String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let opened = AggregateInstance::open_migrating(config, input);
        let (instance, schemas) = opened.map_err(Error::into_reason)?;
        self.0.replace(Some(instance));
        Ok(answered(schemas))
    }

    /// The export `former`.
    pub fn former(&self) -> Vec<Vec<Field>> {
        let opened = self.0.borrow();
        let formers = opened.iter().flat_map(|instance| &instance.formers);
        let formers = formers.map(|former| former.state.iter().cloned().map(to_wit).collect());
        formers.collect()
    }

    /// The export `migrate`.
    ///
    /// # Safety
    /// As that of `update`.
    pub unsafe fn migrate(&self, version: u32, states: Batch) -> Result<Batch, String> {
        self.answer(states.rows, |instance| {
            let states = (states.rows as usize, states.buffers.as_slice());
            instance.migrate(version as usize, states)
        })
    }
}
