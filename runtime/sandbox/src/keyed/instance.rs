//! One instance of a keyed plugin: a store, entered by one call at a time.

use std::time::Duration;

use wasmtime::Store;

use crate::{
    GuestError, Limits, OpenError, Plugin, World,
    bindings::keyed::exports::azud::plugin::{
        keyed::{self, Answer, Opened, State, Work},
        migration,
    },
    host::Host,
    instance::{not_instantiated, start, store, trapped},
    log::Lines,
    schema::WireField,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<Host>,
    keyed: keyed::Guest,
    /// Of one that migrates.
    migration: Option<migration::Guest>,
}

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Result<Self, OpenError> {
        let mut store = store(plugin, limits, lines);
        let Some(pre) = plugin.keyed() else {
            return Err(OpenError::Instantiate("it exports no `keyed`".into()));
        };
        let broken = |error: wasmtime::Error| OpenError::Instantiate(format!("{error:#}"));
        let exported = keyed::GuestIndices::new(pre).map_err(broken)?;
        let migrates = plugin.is(World::MigratingKeyed);
        let migration = migrates.then(|| migration::GuestIndices::new(pre));
        let migration = migration.transpose().map_err(broken)?;
        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(not_instantiated(&store, &error)),
        };
        let migration = migration.map(|migration| migration.load(&mut store, &instance));
        Ok(Self {
            keyed: exported.load(&mut store, &instance).map_err(broken)?,
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
        key: &[u32],
    ) -> Result<Opened, GuestError> {
        let deadline = self.store.data().limits.deadline;
        start(&mut self.store, deadline);
        let input: Vec<_> = input.iter().map(WireField::lend).collect();
        match self.keyed.call_open(&mut self.store, config, &input, key) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(reason)) => Err(GuestError::Refused(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }

    /// The export `former` of `migration`, nothing where there is none. After an error the
    /// instance must be dropped.
    pub(super) fn former(&mut self) -> Result<Vec<Vec<State>>, GuestError> {
        let Some(guest) = &self.migration else {
            return Ok(Vec::new());
        };
        let deadline = self.store.data().limits.deadline;
        start(&mut self.store, deadline);
        let former = guest.call_former(&mut self.store);
        former.map_err(|error| trapped(&mut self.store, &error, deadline))
    }

    /// The export `process`. After any error but `Failed` the instance must be dropped.
    pub(super) fn process(
        &mut self,
        work: Work<'_>,
        deadline: Duration,
    ) -> Result<Answer, GuestError> {
        start(&mut self.store, deadline);
        let answer = self.keyed.call_process(&mut self.store, work);
        self.answered(answer, deadline)
    }

    /// The export `migrate` of `migration`. After any error but `Failed` the instance must be
    /// dropped.
    pub(super) fn migrate(
        &mut self,
        version: u32,
        work: Work<'_>,
        deadline: Duration,
    ) -> Result<Answer, GuestError> {
        let Some(guest) = &self.migration else {
            return Err(GuestError::Start {
                reason: "the plugin exports no azud:plugin/migration".into(),
            });
        };
        start(&mut self.store, deadline);
        let answer = guest.call_migrate(&mut self.store, version, work);
        self.answered(answer, deadline)
    }

    fn answered(
        &mut self,
        answer: wasmtime::Result<Result<Answer, String>>,
        deadline: Duration,
    ) -> Result<Answer, GuestError> {
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(GuestError::Failed(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }
}
