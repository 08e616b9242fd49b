//! One instance of an aggregate: a store, entered by one call at a time.

use std::time::Duration;

use wasmtime::Store;

use crate::{
    GuestError, Limits, OpenError, Plugin, World,
    bindings::{
        aggregate::exports::azud::plugin::{
            aggregate::{self, Schemas},
            aggregate_migration as migration,
        },
        azud::plugin::types::{BatchParam, BatchResult, FieldResult},
    },
    host::Host,
    instance::{not_instantiated, start, store, trapped},
    log::Lines,
    schema::WireField,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<Host>,
    aggregate: aggregate::Guest,
    /// Of one that migrates.
    migration: Option<migration::Guest>,
}

/// The number of rows, and their buffers.
type Rows<'a> = (u32, &'a [&'a [u8]]);

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Result<Self, OpenError> {
        let mut store = store(plugin, limits, lines);
        let Some(pre) = plugin.aggregate() else {
            return Err(OpenError::Instantiate("it exports no aggregate".into()));
        };
        let broken = |error: wasmtime::Error| OpenError::Instantiate(format!("{error:#}"));
        let exported = aggregate::GuestIndices::new(pre).map_err(broken)?;
        let migrates = plugin.is(World::MigratingAggregate);
        let migration = migrates.then(|| migration::GuestIndices::new(pre));
        let migration = migration.transpose().map_err(broken)?;
        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(not_instantiated(&store, &error)),
        };
        let migration = migration.map(|migration| migration.load(&mut store, &instance));
        Ok(Self {
            aggregate: exported.load(&mut store, &instance).map_err(broken)?,
            migration: migration.transpose().map_err(broken)?,
            store,
        })
    }

    /// Bytes of memory that it has.
    pub(super) fn memory(&self) -> usize {
        self.store.data().memory()
    }

    /// The export `open`. After an error the instance must be dropped.
    pub(super) fn open(
        &mut self,
        config: &str,
        input: &[WireField],
    ) -> Result<Schemas, GuestError> {
        let deadline = self.store.data().limits.deadline;
        start(&mut self.store, deadline);
        let input: Vec<_> = input.iter().map(WireField::lend).collect();
        let opened = self.aggregate.call_open(&mut self.store, config, &input);
        match opened {
            Ok(Ok(schemas)) => Ok(schemas),
            Ok(Err(reason)) => Err(GuestError::Refused(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }

    /// The export `update`. After any error but `Failed` the instance must be dropped, as
    /// after those of the other calls.
    pub(super) fn update(
        &mut self,
        states: Rows<'_>,
        total: u32,
        groups: &[u8],
        rows: Rows<'_>,
        deadline: Duration,
    ) -> Result<BatchResult, GuestError> {
        start(&mut self.store, deadline);
        let guest = &self.aggregate;
        let answer = guest.call_update(&mut self.store, batch(states), total, groups, batch(rows));
        self.answered(answer, deadline)
    }

    /// The export `merge`.
    pub(super) fn merge(
        &mut self,
        states: Rows<'_>,
        total: u32,
        groups: &[u8],
        deadline: Duration,
    ) -> Result<BatchResult, GuestError> {
        start(&mut self.store, deadline);
        let guest = &self.aggregate;
        let answer = guest.call_merge(&mut self.store, batch(states), total, groups);
        self.answered(answer, deadline)
    }

    /// The export `finish`.
    pub(super) fn finish(
        &mut self,
        states: Rows<'_>,
        deadline: Duration,
    ) -> Result<BatchResult, GuestError> {
        start(&mut self.store, deadline);
        let guest = &self.aggregate;
        let answer = guest.call_finish(&mut self.store, batch(states));
        self.answered(answer, deadline)
    }

    /// The export `former` of `aggregate-migration`, nothing where there is none. After an error
    /// the instance must be dropped.
    pub(super) fn former(&mut self) -> Result<Vec<Vec<FieldResult>>, GuestError> {
        let Some(guest) = &self.migration else {
            return Ok(Vec::new());
        };
        let deadline = self.store.data().limits.deadline;
        start(&mut self.store, deadline);
        let former = guest.call_former(&mut self.store);
        former.map_err(|error| trapped(&mut self.store, &error, deadline))
    }

    /// The export `migrate` of `aggregate-migration`.
    pub(super) fn migrate(
        &mut self,
        version: u32,
        states: Rows<'_>,
        deadline: Duration,
    ) -> Result<BatchResult, GuestError> {
        let Some(guest) = &self.migration else {
            return Err(GuestError::Start {
                reason: "the plugin exports no azud:plugin/aggregate-migration".into(),
            });
        };
        start(&mut self.store, deadline);
        let answer = guest.call_migrate(&mut self.store, version, batch(states));
        self.answered(answer, deadline)
    }

    fn answered(
        &mut self,
        answer: wasmtime::Result<Result<BatchResult, String>>,
        deadline: Duration,
    ) -> Result<BatchResult, GuestError> {
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(GuestError::Failed(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }
}

fn batch<'a>((rows, buffers): Rows<'a>) -> BatchParam<'a> {
    BatchParam { rows, buffers }
}
