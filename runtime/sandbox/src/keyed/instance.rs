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
    instance::{named, store},
    log::Lines,
    schema::WireField,
    tick::ticks,
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
            Err(error) => Err(match named(store.data(), &error, limits.deadline) {
                Some(limit) => OpenError::Guest(limit),
                None => OpenError::Instantiate(format!("{error:#}")),
            }),
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
        self.start(deadline);
        let input: Vec<_> = input.iter().map(WireField::lend).collect();
        let guest = self.plugin.azud_plugin_keyed();
        match guest.call_open(&mut self.store, config, &input, key) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(reason)) => Err(GuestError::Refused(self.store.data().clean(&reason))),
            Err(error) => Err(self.trapped(&error, deadline)),
        }
    }

    /// The export `process`. After any error but `Failed` the instance must be dropped.
    pub(super) fn process(
        &mut self,
        work: Work<'_>,
        deadline: Duration,
    ) -> Result<Answer, GuestError> {
        self.start(deadline);
        let guest = self.plugin.azud_plugin_keyed();
        match guest.call_process(&mut self.store, work) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(GuestError::Failed(self.store.data().clean(&reason))),
            Err(error) => Err(self.trapped(&error, deadline)),
        }
    }

    fn start(&mut self, deadline: Duration) {
        self.store.set_epoch_deadline(ticks(deadline));
        self.store.data_mut().start_call();
    }

    fn trapped(&mut self, error: &wasmtime::Error, deadline: Duration) -> GuestError {
        let host = self.store.data_mut();
        named(host, error, deadline)
            .unwrap_or_else(|| GuestError::trapped(error, host.last_line.take()))
    }
}
