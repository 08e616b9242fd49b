//! One instance of an aggregate: a store, entered by one call at a time.

use std::time::Duration;

use wasmtime::Store;

use crate::{
    GuestError, Limits, OpenError, Plugin,
    bindings::{
        aggregate::{
            AggregatePlugin, AggregatePluginPre, exports::azud::plugin::aggregate::Schemas,
        },
        azud::plugin::types::{BatchParam, BatchResult},
    },
    host::Host,
    instance::{not_instantiated, start, store, trapped},
    log::Lines,
    schema::WireField,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<Host>,
    plugin: AggregatePlugin,
}

/// The number of rows, and their buffers.
type Rows<'a> = (u32, &'a [&'a [u8]]);

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Result<Self, OpenError> {
        let mut store = store(plugin, limits, lines);
        let pre = match plugin.aggregate().cloned().map(AggregatePluginPre::new) {
            Some(Ok(pre)) => pre,
            Some(Err(error)) => return Err(OpenError::Instantiate(format!("{error:#}"))),
            None => return Err(OpenError::Instantiate("it exports no aggregate".into())),
        };
        match pre.instantiate(&mut store) {
            Ok(plugin) => Ok(Self { store, plugin }),
            Err(error) => Err(not_instantiated(&store, &error)),
        }
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
        let guest = self.plugin.azud_plugin_aggregate();
        match guest.call_open(&mut self.store, config, &input) {
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
        let guest = self.plugin.azud_plugin_aggregate();
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
        let guest = self.plugin.azud_plugin_aggregate();
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
        let guest = self.plugin.azud_plugin_aggregate();
        let answer = guest.call_finish(&mut self.store, batch(states));
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
