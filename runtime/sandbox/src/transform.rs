//! A transform, opened: batches in, batches out.

mod carry;
mod columns;
mod weigh;

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{RecordBatch, RecordBatchOptions, UInt32Array},
    datatypes::{Schema, SchemaRef},
};

use crate::{
    GuestError, Limits, Logger, OpenError, Plugin, World,
    bindings::exports::azud::plugin::transform::Output as Answer,
    boundary::{self, Export},
    instance::Instance,
    log::Lines,
    schema::{self, WireField},
};
use columns::{Column, Columns};

/// A plugin, opened on a configuration and a schema. One a lane: it is entered
/// by one call at a time.
pub struct Transform {
    plugin: Plugin,
    limits: Limits,
    lines: Lines,
    config: String,
    input: SchemaRef,
    wire: Vec<WireField>,
    columns: Columns,
    output: SchemaRef,
    /// None after a trap: the next call opens a fresh one.
    instance: Option<Instance>,
    export: Export,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Processed {
    /// The output: carried columns taken, computed ones checked.
    pub output: RecordBatch,
    /// Which input row each output row comes from.
    pub rows: Rows,
    /// Input rows that can never be processed, each once, none in the output.
    pub rejected: Vec<Rejected>,
}

/// Which input row each output row comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Output row i comes from input row i.
    Identity,
    /// Output row i comes from the input row that entry i names.
    Indices(UInt32Array),
    /// From no row in particular.
    Unrelated,
}

/// An input row that can never be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The row in the input batch.
    pub row: u32,
    /// Why, in the plugin's words; at most `Limits::reason` bytes.
    pub reason: String,
}

// === impl Transform ===

impl Transform {
    /// Opens an instance: `config` is JSON, `input` the schema of all batches.
    pub fn open(
        plugin: &Plugin,
        config: &str,
        input: &Schema,
        limits: Limits,
        logger: Arc<dyn Logger>,
    ) -> Result<Self, OpenError> {
        if !plugin.is(World::Transform) {
            let (name, actual) = (plugin.name().to_owned(), plugin.world().name());
            return Err(OpenError::World {
                name,
                actual,
                expected: World::Transform.name(),
            });
        }
        let wire = schema::to_wire(input)?;
        let lines = Lines::new(logger, &limits);
        let mut instance = Instance::new(plugin, &limits, &lines)?;
        let columns = Columns::check(instance.open(config, &wire)?, input)?;
        let output = columns.schema(input);
        Ok(Self {
            plugin: plugin.clone(),
            limits,
            lines,
            config: config.to_owned(),
            input: Arc::new(input.clone()),
            wire,
            columns,
            output,
            instance: Some(instance),
            export: Export::default(),
        })
    }

    /// The numbers of the input's columns that enter the plugin.
    pub fn reads(&self) -> &[usize] {
        &self.columns.reads
    }

    /// For every column of the output the input's that it is; none where it is computed.
    pub fn carried(&self) -> impl Iterator<Item = Option<usize>> {
        self.columns.output.iter().map(|column| match column {
            Column::Carried(column) => Some(*column),
            Column::Computed(_) => None,
        })
    }

    /// The schema of the output.
    pub fn output_schema(&self) -> &SchemaRef {
        &self.output
    }

    /// How long a call may take.
    pub fn deadline(&self) -> Duration {
        self.limits.deadline
    }

    /// Bytes of memory that its instance has; 0 after a trap, until it is called again.
    pub fn memory(&self) -> usize {
        self.instance.as_ref().map_or(0, Instance::memory)
    }

    /// The plugin that was opened.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Maps a batch within the deadline of the limits.
    pub fn process(&mut self, batch: &RecordBatch) -> Result<Processed, GuestError> {
        self.process_within(batch, self.limits.deadline)
    }

    /// Maps a batch within another deadline: while rows are halved to find the
    /// one that loops, a second each would be long. Ticks are 10 ms.
    pub fn process_within(
        &mut self,
        batch: &RecordBatch,
        deadline: Duration,
    ) -> Result<Processed, GuestError> {
        let rows = self.export(batch)?;
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.reopen().map_err(GuestError::reopening)?,
        };
        let answer = instance.process(rows, &self.export.lend(), deadline);
        self.export.clear();
        let processed = answer.and_then(|answer| self.take(batch, answer));
        // One that trapped, or broke the contract, is in a state that nobody knows.
        if matches!(processed, Ok(_) | Err(GuestError::Failed(_))) {
            self.instance = Some(instance);
        }
        processed
    }

    /// Calls the plugin with one batch again and again and drops what it answers,
    /// unchecked: what a call costs without what is around it, for `bench/boundary`.
    #[doc(hidden)]
    pub fn repeat(&mut self, batch: &RecordBatch, calls: usize) -> Result<(), GuestError> {
        let rows = self.export(batch)?;
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.reopen().map_err(GuestError::reopening)?,
        };
        for _ in 0..calls {
            instance.process(rows, &self.export.lend(), self.limits.deadline)?;
        }
        self.export.clear();
        self.instance = Some(instance);
        Ok(())
    }

    /// Takes the buffers that the plugin reads; answers how many rows they have.
    fn export(&mut self, batch: &RecordBatch) -> Result<u32, GuestError> {
        boundary::check_input(batch, &self.input)?;
        let rows = u32::try_from(batch.num_rows()).map_err(|_| GuestError::Input {
            what: format!("{} rows are more than a batch can have", batch.num_rows()),
        })?;
        self.export.clear();
        for (column, layout) in self.columns.reads.iter().zip(&self.columns.layouts) {
            let name = self.input.field(*column).name();
            self.export
                .push(&schema::cast(batch.column(*column), layout, name)?)?;
        }
        Ok(rows)
    }

    /// Checks what the plugin answered, and makes the output of it.
    fn take(&self, batch: &RecordBatch, answer: Answer) -> Result<Processed, GuestError> {
        let output_rows = answer.batch.rows as usize;
        let origins = boundary::rows(
            answer.rows,
            output_rows,
            batch.num_rows(),
            self.columns.carries,
        )?;
        // A column of bits is small, what others keep of each row is not: without
        // this, a few bytes could stand for four billion rows.
        if output_rows.saturating_mul(4) > self.limits.output {
            return Err(GuestError::Output {
                limit: self.limits.output,
            });
        }
        let rejected =
            boundary::rejected(answer.rejected, &origins, batch.num_rows(), &self.limits)?;
        let output = self.assemble(batch, answer.batch.buffers, output_rows, &origins)?;
        Ok(Processed {
            output,
            rows: origins.rows,
            rejected,
        })
    }

    fn assemble(
        &self,
        batch: &RecordBatch,
        buffers: Vec<Vec<u8>>,
        rows: usize,
        origins: &boundary::Origins,
    ) -> Result<RecordBatch, GuestError> {
        // What was computed and what is carried count together.
        let computed: usize = buffers.iter().map(Vec::len).sum();
        let mut buffers = boundary::Buffers::new(buffers);
        let carry = carry::Carry::new(origins, batch, &self.columns, computed, self.limits.output)?;
        let columns = self.columns.output.iter().map(|column| match column {
            Column::Carried(column) => carry.column(batch.column(*column)),
            Column::Computed(field) => boundary::import(&mut buffers, field, rows),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if buffers.left() > 0 {
            return Err(GuestError::invalid(format!(
                "{} buffers more than the announced columns have",
                buffers.left()
            )));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.output), columns, &options)
            .map_err(|error| GuestError::invalid(error.to_string()))
    }

    /// A fresh instance, opened as the first one was.
    fn reopen(&self) -> Result<Instance, GuestError> {
        let instance = Instance::new(&self.plugin, &self.limits, &self.lines);
        let mut instance = instance.map_err(OpenError::into_guest)?;
        let columns = Columns::check(instance.open(&self.config, &self.wire)?, &self.input)?;
        if columns != self.columns {
            return Err(GuestError::invalid(
                "`open` answered other columns than the first time; it must not depend on anything else",
            ));
        }
        Ok(instance)
    }
}
