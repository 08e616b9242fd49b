//! One instance of a sink: a store whose calls may be suspended.

use wasmtime::{Store, UpdateDeadline};

use super::{Setup, SinkHost, drive::drive};
use crate::{
    GuestError, OpenError, Plugin,
    bindings::sink::{
        SinkPlugin, SinkPluginPre,
        azud::plugin::types,
        exports::azud::plugin::sink::{Flushed, Outcome},
    },
    instance::named,
    schema::WireField,
    tick::Ticks,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<SinkHost>,
    plugin: SinkPlugin,
    setup: Setup,
    ticks: Ticks,
}

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, setup: &Setup) -> Result<Self, OpenError> {
        let sandbox = plugin.sandbox();
        let (limits, ticks) = (&setup.limits, sandbox.ticks.clone());
        let pre = plugin.sink().cloned().map(SinkPluginPre::new);
        let pre = match pre {
            Some(Ok(pre)) => pre,
            Some(Err(error)) => return Err(OpenError::Instantiate(format!("{error:#}"))),
            None => return Err(OpenError::Instantiate("it exports no sink".into())),
        };
        let mut store = Store::new(&sandbox.engine, SinkHost::new(setup, &ticks)?);
        store.limiter(|host| &mut host.base);
        store.set_hostcall_fuel(limits.output);
        // Each tick it is suspended for a moment, so that the time can be looked at.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let created = drive(
            pre.instantiate_async(&mut store),
            limits,
            &ticks,
            &setup.cancel,
        )?;
        match created {
            Ok(plugin) => Ok(Self {
                store,
                plugin,
                setup: setup.clone(),
                ticks,
            }),
            Err(error) => Err(match named(&store.data().base, &error, limits.deadline) {
                Some(limit) => OpenError::Guest(limit),
                None => OpenError::Instantiate(format!("{error:#}")),
            }),
        }
    }

    /// The export `open`. After an error the instance must be dropped.
    pub(super) fn open(&mut self, config: &str, input: &[WireField]) -> Result<(), GuestError> {
        self.store.data_mut().start_call();
        let input: Vec<_> = input.iter().map(lend).collect();
        let sink = self.plugin.azud_plugin_sink();
        let call = sink.call_open(&mut self.store, config, &input);
        match drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(GuestError::Refused(self.clean(&reason))),
            Err(error) => Err(self.trapped(&error)),
        }
    }

    /// The export `write`. After an error the instance must be dropped.
    pub(super) fn write(&mut self, rows: u32, buffers: &[&[u8]]) -> Result<Outcome, GuestError> {
        self.store.data_mut().start_call();
        let batch = types::Batch { rows, buffers };
        let sink = self.plugin.azud_plugin_sink();
        let call = sink.call_write(&mut self.store, batch);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// The export `flush`. After an error the instance must be dropped.
    pub(super) fn flush(&mut self) -> Result<Flushed, GuestError> {
        self.store.data_mut().start_call();
        let sink = self.plugin.azud_plugin_sink();
        let call = sink.call_flush(&mut self.store);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// A text of the guest, for an error.
    pub(super) fn clean(&self, text: &str) -> String {
        self.store.data().base.clean(text)
    }

    fn trapped(&mut self, error: &wasmtime::Error) -> GuestError {
        let host = self.store.data_mut();
        named(&host.base, error, self.setup.limits.deadline)
            .unwrap_or_else(|| GuestError::trapped(error, host.last_line()))
    }
}

fn lend(field: &WireField) -> types::Field<'_> {
    types::Field {
        name: &field.name,
        format: &field.format,
        nullable: field.nullable,
        children: field.children,
    }
}
