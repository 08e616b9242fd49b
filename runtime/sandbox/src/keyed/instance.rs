//! One instance of a keyed plugin: a store, entered by one call at a time.

use std::time::Duration;

use wasmtime::Store;

use crate::{
    GuestError, Limits, OpenError, Plugin,
    bindings::keyed::{
        KeyedPlugin, KeyedPluginPre,
        exports::azud::plugin::keyed::{Answer, Opened, Work},
    },
    host::Host,
    instance::{not_instantiated, start, store, trapped},
    log::Lines,
    schema::WireField,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<Host>,
    plugin: KeyedPlugin,
}

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Result<Self, OpenError> {
        let mut store = store(plugin, limits, lines);
        let pre = match plugin.keyed().cloned().map(KeyedPluginPre::new) {
            Some(Ok(pre)) => pre,
            Some(Err(error)) => return Err(OpenError::Instantiate(format!("{error:#}"))),
            None => return Err(OpenError::Instantiate("it exports no `keyed`".into())),
        };
        match pre.instantiate(&mut store) {
            Ok(plugin) => Ok(Self { store, plugin }),
            Err(error) => Err(not_instantiated(&store, &error)),
        }
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
        let guest = self.plugin.azud_plugin_keyed();
        match guest.call_open(&mut self.store, config, &input, key) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(reason)) => Err(GuestError::Refused(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }

    /// The export `process`. After any error but `Failed` the instance must be dropped.
    pub(super) fn process(
        &mut self,
        work: Work<'_>,
        deadline: Duration,
    ) -> Result<Answer, GuestError> {
        start(&mut self.store, deadline);
        let guest = self.plugin.azud_plugin_keyed();
        match guest.call_process(&mut self.store, work) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(GuestError::Failed(self.store.data().clean(&reason))),
            Err(error) => Err(trapped(&mut self.store, &error, deadline)),
        }
    }
}
