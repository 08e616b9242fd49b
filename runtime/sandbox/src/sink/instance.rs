//! One instance of a sink: a store whose calls may be suspended.

use tokio_util::sync::CancellationToken;
use wasmtime::{Store, UpdateDeadline};

use super::{Setup, SinkHost, drive::drive};
use crate::{
    GuestError, OpenError, Plugin, World,
    bindings::sink::{
        azud::plugin::types,
        exports::azud::plugin::{
            epochs,
            sink::{self, Flushed, Outcome},
        },
    },
    instance::named,
    limits::HANDLES,
    schema::WireField,
    tick::Ticks,
};

/// An instance that has not trapped.
pub(super) struct Instance {
    store: Store<SinkHost>,
    sink: sink::Guest,
    /// Of a transactional sink.
    epochs: Option<epochs::Guest>,
    setup: Setup,
    ticks: Ticks,
}

// === impl Instance ===

impl Instance {
    pub(super) fn new(plugin: &Plugin, setup: &Setup) -> Result<Self, OpenError> {
        let sandbox = plugin.sandbox();
        let (limits, ticks) = (&setup.limits, sandbox.ticks.clone());
        let Some(pre) = plugin.sink() else {
            return Err(OpenError::Instantiate("it exports no sink".into()));
        };
        let broken = |error: wasmtime::Error| OpenError::Instantiate(format!("{error:#}"));
        let exported = sink::GuestIndices::new(pre).map_err(broken)?;
        let epochs = plugin.is(World::TransactionalSink);
        let epochs = epochs.then(|| epochs::GuestIndices::new(pre));
        let epochs = epochs.transpose().map_err(broken)?;
        let mut store = Store::new(&sandbox.engine, SinkHost::new(setup)?);
        store.limiter(|host| &mut host.base);
        store.set_hostcall_fuel(limits.output);
        store.set_max_component_handles(HANDLES);
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
            Ok(instance) => {
                let epochs = epochs.map(|epochs| epochs.load(&mut store, &instance));
                Ok(Self {
                    sink: exported.load(&mut store, &instance).map_err(broken)?,
                    epochs: epochs.transpose().map_err(broken)?,
                    store,
                    setup: setup.clone(),
                    ticks,
                })
            }
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
        let call = self.sink.call_open(&mut self.store, config, &input);
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
        let call = self.sink.call_write(&mut self.store, batch);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// The export `flush`. After an error the instance must be dropped.
    pub(super) fn flush(&mut self) -> Result<Flushed, GuestError> {
        self.store.data_mut().start_call();
        let call = self.sink.call_flush(&mut self.store);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// Gives up its calls with another token than before.
    pub(super) fn set_cancel(&mut self, cancel: CancellationToken) {
        self.setup.cancel = cancel;
    }

    /// The export `recover` of `epochs`. After an error the instance must be dropped, as
    /// after one of the calls below.
    pub(super) fn recover(
        &mut self,
        run: &str,
        sink: &str,
        last: Option<u64>,
    ) -> Result<Flushed, GuestError> {
        self.store.data_mut().start_call();
        let who = epochs::Identity { run, sink };
        let call = epochs(self.epochs.as_ref())?.call_recover(&mut self.store, who, last);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// The export `prepare`: a token, or why the epoch fails.
    pub(super) fn prepare(&mut self, epoch: u64) -> Result<Result<Vec<u8>, String>, GuestError> {
        self.store.data_mut().start_call();
        let call = epochs(self.epochs.as_ref())?.call_prepare(&mut self.store, epoch);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// The export `commit`.
    pub(super) fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed, GuestError> {
        self.store.data_mut().start_call();
        let call = epochs(self.epochs.as_ref())?.call_commit(&mut self.store, epoch, token);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// The export `abort`.
    pub(super) fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed, GuestError> {
        self.store.data_mut().start_call();
        let call = epochs(self.epochs.as_ref())?.call_abort(&mut self.store, epoch, token);
        drive(call, &self.setup.limits, &self.ticks, &self.setup.cancel)?
            .map_err(|error| self.trapped(&error))
    }

    /// A text of the guest, for an error.
    pub(super) fn clean(&self, text: &str) -> String {
        self.store.data().base.clean(text)
    }

    fn trapped(&mut self, error: &wasmtime::Error) -> GuestError {
        let host = self.store.data_mut();
        // What it wrote last is a part of why.
        host.end_lines();
        named(&host.base, error, self.setup.limits.deadline)
            .unwrap_or_else(|| GuestError::trapped(error, host.last_line()))
    }
}

fn epochs(exported: Option<&epochs::Guest>) -> Result<&epochs::Guest, GuestError> {
    exported.ok_or_else(|| GuestError::Start {
        reason: "the plugin exports no azud:plugin/epochs".into(),
    })
}

fn lend(field: &WireField) -> types::Field<'_> {
    types::Field {
        name: &field.name,
        format: &field.format,
        nullable: field.nullable,
        children: field.children,
    }
}
