//! One instance of a plugin: a store, entered by one call at a time.

use std::time::Duration;

use wasmtime::{Store, Trap};

use crate::{
    GuestError, Limits, OpenError, Plugin,
    bindings::{
        TransformPlugin, TransformPluginPre,
        azud::plugin::types,
        exports::azud::plugin::transform::{Opened, Output},
    },
    host::{Denied, Host},
    limits::{HANDLES, RESOURCES, STACK},
    log::Lines,
    schema::WireField,
    tick::ticks,
};

/// An instance that has not trapped.
pub(crate) struct Instance {
    store: Store<Host>,
    plugin: TransformPlugin,
}

// === impl Instance ===

impl Instance {
    /// A fresh instance: 10 microseconds for a plugin in Rust.
    pub(crate) fn new(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Result<Self, OpenError> {
        let mut store = store(plugin, limits, lines);
        let pre = match plugin.transform().cloned().map(TransformPluginPre::new) {
            Some(Ok(pre)) => pre,
            Some(Err(error)) => return Err(OpenError::Instantiate(format!("{error:#}"))),
            None => return Err(OpenError::Instantiate("it exports no transform".into())),
        };
        match pre.instantiate(&mut store) {
            Ok(plugin) => Ok(Self { store, plugin }),
            Err(error) => Err(not_instantiated(&store, &error)),
        }
    }

    /// The export `open`. After an error the instance must be dropped.
    pub(crate) fn open(&mut self, config: &str, input: &[WireField]) -> Result<Opened, GuestError> {
        let deadline = self.store.data().limits.deadline;
        start(&mut self.store, deadline);
        let input: Vec<_> = input.iter().map(WireField::lend).collect();
        let opened = self
            .plugin
            .azud_plugin_transform()
            .call_open(&mut self.store, config, &input);
        match opened {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(reason)) => Err(GuestError::Refused(self.reason(&reason))),
            Err(error) => Err(self.trapped(&error, deadline)),
        }
    }

    /// The export `process`. After any error but `Failed` the instance must be
    /// dropped.
    pub(crate) fn process(
        &mut self,
        rows: u32,
        buffers: &[&[u8]],
        deadline: Duration,
    ) -> Result<Output, GuestError> {
        start(&mut self.store, deadline);
        let batch = types::BatchParam { rows, buffers };
        match self
            .plugin
            .azud_plugin_transform()
            .call_process(&mut self.store, batch)
        {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(reason)) => Err(GuestError::Failed(self.reason(&reason))),
            Err(error) => Err(self.trapped(&error, deadline)),
        }
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().memory()
    }

    fn reason(&self, reason: &str) -> String {
        self.store.data().clean(reason)
    }

    fn trapped(&mut self, error: &wasmtime::Error, deadline: Duration) -> GuestError {
        trapped(&mut self.store, error, deadline)
    }
}

/// Before each call of a guest that computes.
pub(crate) fn start(store: &mut Store<Host>, deadline: Duration) {
    store.set_epoch_deadline(ticks(deadline));
    store.data_mut().start_call();
}

/// What a call has ended with that did not come back. The instance must be dropped.
pub(crate) fn trapped(
    store: &mut Store<Host>,
    error: &wasmtime::Error,
    deadline: Duration,
) -> GuestError {
    let host = store.data_mut();
    // What it wrote last is a part of why.
    host.end_lines();
    named(host, error, deadline)
        .unwrap_or_else(|| GuestError::trapped(error, host.last_line.take()))
}

/// Why there is no instance.
pub(crate) fn not_instantiated(store: &Store<Host>, error: &wasmtime::Error) -> OpenError {
    let host = store.data();
    match named(host, error, host.limits.deadline) {
        Some(limit) => OpenError::Guest(limit),
        None => OpenError::Instantiate(format!("{error:#}")),
    }
}

/// A store within limits, for an instance of a plugin that computes.
pub(crate) fn store(plugin: &Plugin, limits: &Limits, lines: &Lines) -> Store<Host> {
    let sandbox = plugin.sandbox();
    let host = Host::new(limits.clone(), lines.clone());
    let mut store = Store::new(&sandbox.engine, host);
    store.limiter(|host| host);
    store.set_hostcall_fuel(limits.output);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(ticks(limits.deadline));
    store
}

/// The limit that an error comes of, where one was hit.
pub(crate) fn named(
    host: &Host,
    error: &wasmtime::Error,
    deadline: Duration,
) -> Option<GuestError> {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return Some(GuestError::Deadline { limit: deadline }),
        Some(Trap::StackOverflow) => return Some(GuestError::Stack { limit: STACK }),
        _ => {}
    }
    // The types are private to wasmtime; tests hold their texts.
    let root = error.root_cause().to_string();
    if root.contains("store handle limit exceeded") {
        return Some(GuestError::Handles { limit: HANDLES });
    }
    if root.contains("resource table has no free keys") {
        return Some(GuestError::Handles { limit: RESOURCES });
    }
    if root.contains("fuel allocated for hostcalls") {
        return Some(GuestError::Output {
            limit: host.limits.output,
        });
    }
    match host.denied? {
        Denied::Memory => Some(GuestError::Memory {
            limit: host.limits.memory,
        }),
        Denied::Table => Some(GuestError::Table {
            limit: host.limits.table,
        }),
    }
}
