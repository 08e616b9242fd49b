//! A sink, opened: batches in, and what became of them.
//!
//! Its calls wait for others: they run on the caller's thread, which must not be
//! one of an async runtime, while a small runtime of this crate's own moves the
//! bytes. wasmtime needs no second engine for it: whether a call may be suspended
//! is decided where it is made.

mod drive;
mod epochs;
mod guard;
mod host;
mod instance;
mod network;
mod outcome;
mod stdio;

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Schema, SchemaRef},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Grants, GuestError, Limits, Logger, OpenError, Plugin, World,
    boundary::{Export, check_input},
    limits::HANDED,
    log::Lines,
    schema::{self, WireField},
};
pub(crate) use host::{SinkHost, add_to_linker};
use instance::Instance;
use network::Refusals;
pub use outcome::{Flushed, Outcome};

/// A sink plugin, opened on a configuration and a schema. One a lane: it is
/// entered by one call at a time.
pub struct Sink {
    plugin: Plugin,
    setup: Setup,
    config: String,
    input: SchemaRef,
    wire: Vec<WireField>,
    /// The layout in which each column is sent.
    layouts: Vec<DataType>,
    /// None after a trap: the next call opens a fresh one.
    instance: Option<Instance>,
    export: Export,
}

/// What every instance of a sink is made with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) grants: Arc<Grants>,
    pub(crate) lines: Lines,
    pub(crate) refusals: Refusals,
    /// Gives up a call: the pipeline ends.
    pub(crate) cancel: CancellationToken,
}

// === impl Sink ===

impl Sink {
    /// Opens an instance: `config` is JSON, `input` the schema of all batches.
    /// `cancel` gives up whatever call is under way.
    ///
    /// # Errors
    /// Where the plugin is no sink, refuses, or fails.
    pub fn open(
        plugin: &Plugin,
        config: &str,
        input: &Schema,
        limits: Limits,
        grants: Arc<Grants>,
        logger: Arc<dyn Logger>,
        cancel: CancellationToken,
    ) -> Result<Self, OpenError> {
        if !plugin.is(World::Sink) {
            return Err(OpenError::World {
                name: plugin.name().to_owned(),
                actual: plugin.world().name(),
                expected: World::Sink.name(),
            });
        }
        let wire = schema::to_wire(input)?;
        // `to_wire` has found a layout for each.
        let layouts = input.fields().iter();
        let layouts = layouts.filter_map(|field| schema::physical(field.data_type()));
        let layouts = layouts.collect();
        let secrets = grants.secrets.iter().map(|(_, value)| value.as_str());
        let lines = Lines::new(logger, &limits).hiding(secrets);
        let output = limits.output.min(HANDED);
        let setup = Setup {
            limits: Limits { output, ..limits },
            grants,
            lines,
            refusals: Refusals::default(),
            cancel,
        };
        let mut instance = Instance::new(plugin, &setup)?;
        instance.open(config, &wire)?;
        Ok(Self {
            plugin: plugin.clone(),
            setup,
            config: config.to_owned(),
            input: Arc::new(input.clone()),
            wire,
            layouts,
            instance: Some(instance),
            export: Export::default(),
        })
    }

    /// The plugin that was opened.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Offers a batch: all its columns.
    ///
    /// # Errors
    /// Where the call trapped, took too long or broke the contract: nothing is
    /// known then of the batch, nor of what was accepted and not flushed. The next
    /// call opens a fresh instance.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Outcome, GuestError> {
        let rows = self.export(batch)?;
        let mut instance = self.take_instance()?;
        let answer = instance.write(rows, &self.export.lend());
        self.export.clear();
        let outcome = answer.and_then(|outcome| {
            outcome::checked(outcome, batch.num_rows(), |reason| instance.clean(reason))
        });
        if outcome.is_ok() {
            self.instance = Some(instance);
        }
        outcome
    }

    /// Asks that everything accepted so far be durable.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn flush(&mut self) -> Result<Flushed, GuestError> {
        self.settled(Instance::flush)
    }

    /// Waits before something is tried again.
    ///
    /// # Errors
    /// [`GuestError::Cancelled`] where the pipeline ends meanwhile.
    pub fn pause(&self, duration: std::time::Duration) -> Result<(), GuestError> {
        drive::pause(duration, &self.setup.cancel)
    }

    /// A call that asks whether something is settled.
    fn settled(
        &mut self,
        call: impl FnOnce(&mut Instance) -> Result<outcome::wire::Flushed, GuestError>,
    ) -> Result<Flushed, GuestError> {
        let mut instance = self.take_instance()?;
        let flushed = call(&mut instance)?;
        let flushed = outcome::flushed(flushed, |reason| instance.clean(reason));
        self.instance = Some(instance);
        Ok(flushed)
    }

    /// Takes the buffers of a batch; answers how many rows they have.
    fn export(&mut self, batch: &RecordBatch) -> Result<u32, GuestError> {
        check_input(batch, &self.input)?;
        let rows = u32::try_from(batch.num_rows()).map_err(|_| GuestError::Input {
            what: format!("{} rows are more than a batch can have", batch.num_rows()),
        })?;
        self.export.clear();
        let columns = batch.columns().iter().zip(self.input.fields());
        for ((column, field), layout) in columns.zip(&self.layouts) {
            self.export
                .push(&schema::cast(column, layout, field.name())?)?;
        }
        Ok(rows)
    }

    fn take_instance(&mut self) -> Result<Instance, GuestError> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let opened = Instance::new(&self.plugin, &self.setup).map_err(OpenError::into_guest);
        let opened = opened.and_then(|mut instance| {
            instance.open(&self.config, &self.wire)?;
            Ok(instance)
        });
        opened.map_err(GuestError::reopening)
    }
}
