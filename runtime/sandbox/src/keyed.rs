//! A keyed plugin, opened: rows, states and timers of keys in; rows, changes and timers out.

pub(crate) mod answer;
mod instance;
pub(crate) mod opened;
pub(crate) mod state;
mod work;

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, RecordBatch},
    buffer::Buffer,
    datatypes::{DataType, Schema, SchemaRef},
};

use crate::{
    GuestError, Limits, Logger, OpenError, Plugin, World,
    bindings::{
        azud::plugin::types::BatchParam,
        keyed::exports::azud::plugin::keyed::{Answer, OwnedParam, TimersParam, Work},
    },
    boundary::{self, Export},
    log::Lines,
    schema::{self, WireField},
};
use answer::Given;
use instance::Instance;
use opened::Opened;

pub use state::{KeyedState, StateKind};
pub use work::{
    EVENT_TIME, KeyedAnswer, KeyedChange, KeyedWork, OwnedRows, PROCESSING_TIME, Timers,
};

/// A plugin with state, opened on a configuration, the schema of its input, and the key. It
/// keeps nothing between calls.
pub struct Keyed {
    plugin: Plugin,
    limits: Limits,
    lines: Lines,
    config: String,
    input: SchemaRef,
    key: Vec<usize>,
    /// The layout in which each column of the key is sent.
    key_layouts: Vec<DataType>,
    wire: Vec<WireField>,
    opened: Opened,
    /// The states of each earlier version that it can convert.
    formers: Vec<Vec<KeyedState>>,
    /// None after a trap: the next call opens a fresh one.
    instance: Option<Instance>,
}

// === impl Keyed ===

impl Keyed {
    /// Opens an instance: `config` is JSON, `input` the schema of its rows, `key` the columns
    /// of it that are the key.
    pub fn open(
        plugin: &Plugin,
        config: &str,
        input: &Schema,
        key: &[usize],
        limits: Limits,
        logger: Arc<dyn Logger>,
    ) -> Result<Self, OpenError> {
        if !plugin.is(World::Keyed) {
            let (name, actual) = (plugin.name().to_owned(), plugin.world().name());
            return Err(OpenError::World {
                name,
                actual,
                expected: World::Keyed.name(),
            });
        }
        let wire = schema::to_wire(input)?;
        let lines = Lines::new(logger, &limits);
        let mut instance = Instance::new(plugin, &limits, &lines)?;
        let opened = instance.open(config, &wire, &numbers(key))?;
        let opened = Opened::check(opened, input, key)?;
        let formers = state::check_formers(&instance.former()?, input, key)?;
        let fields = key.iter().filter_map(|column| input.fields().get(*column));
        Ok(Self {
            plugin: plugin.clone(),
            limits,
            lines,
            config: config.to_owned(),
            key_layouts: fields
                .filter_map(|field| schema::physical(field.data_type()))
                .collect(),
            input: Arc::new(input.clone()),
            key: key.to_vec(),
            wire,
            opened,
            formers,
            instance: Some(instance),
        })
    }

    /// The numbers of the input's columns that enter the plugin, those of the key aside.
    pub fn reads(&self) -> &[usize] {
        &self.opened.reads
    }

    /// What it keeps of a key.
    pub fn states(&self) -> &[KeyedState] {
        &self.opened.states
    }

    /// What earlier versions kept of a key: [`Self::migrate`] converts it.
    pub fn formers(&self) -> &[Vec<KeyedState>] {
        &self.formers
    }

    /// The schema of the output.
    pub fn output_schema(&self) -> &SchemaRef {
        &self.opened.output
    }

    /// The column of the output that is its event time.
    pub fn event_time(&self) -> Option<usize> {
        self.opened.event_time
    }

    /// Whether it sets timers of event time.
    pub fn has_event_timers(&self) -> bool {
        self.opened.event_timers
    }

    /// Whether it wants to be told which timers are pending.
    pub fn wants_pending_timers(&self) -> bool {
        self.opened.pending_timers
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

    /// Does some work. Without a deadline, that of the limits holds.
    pub fn process(
        &mut self,
        work: &KeyedWork,
        deadline: Option<Duration>,
    ) -> Result<KeyedAnswer, GuestError> {
        self.call(work, deadline, Instance::process)
    }

    /// Converts what a version in [`Self::formers`] has kept: `work` has rows of its states and
    /// all timers as pending ones, no rows, and no timer that is due. The answer has changes of
    /// [`Self::states`] and timers, and no output.
    pub fn migrate(
        &mut self,
        version: usize,
        work: &KeyedWork,
        deadline: Option<Duration>,
    ) -> Result<KeyedAnswer, GuestError> {
        let known = self.formers.get(version).zip(u32::try_from(version).ok());
        let Some((former, version)) = known else {
            return Err(given("`former` has not named such a version"));
        };
        let is_of =
            |(state, rows): (&KeyedState, &OwnedRows)| *rows.rows.schema_ref() == state.columns;
        if former.len() != work.states.len() || !former.iter().zip(&work.states).all(is_of) {
            return Err(given("the rows are not those of the version's states"));
        }
        let answer = self.call(work, deadline, |instance, work, deadline| {
            instance.migrate(version, work, deadline)
        })?;
        match answer.output.num_rows() {
            0 => Ok(answer),
            rows => Err(GuestError::invalid(format!(
                "`migrate` gives {rows} rows of output: it has none"
            ))),
        }
    }

    fn call(
        &mut self,
        work: &KeyedWork,
        deadline: Option<Duration>,
        call: impl FnOnce(&mut Instance, Work<'_>, Duration) -> Result<Answer, GuestError>,
    ) -> Result<KeyedAnswer, GuestError> {
        boundary::check_input(&work.rows, &self.input)?;
        let mut keys = Export::default();
        let columns = work.keys.iter().zip(&self.key_layouts);
        for ((column, layout), number) in columns.zip(&self.key) {
            let name = self
                .input
                .fields()
                .get(*number)
                .map_or("", |field| field.name());
            keys.push(&schema::cast(column, layout, name)?)?;
        }
        let rows = self.rows(&work.rows)?;
        let states = work.states.iter().map(|state| export(&state.rows));
        let states = states.collect::<Result<Vec<Export>, _>>()?;
        let owners = work.states.iter();
        let owners: Vec<Buffer> = owners.map(|state| bytes(&state.groups)).collect();
        let groups = bytes(&work.groups);
        let (due, pending) = (Lent::of(&work.due), Lent::of(&work.pending));
        let (keys, rows) = (keys.lend(), rows.lend());
        let lent: Vec<Vec<&[u8]>> = states.iter().map(Export::lend).collect();
        let mut owned = Vec::with_capacity(lent.len());
        for ((buffers, groups), state) in lent.iter().zip(&owners).zip(&work.states) {
            owned.push(OwnedParam {
                rows: batch(state.rows.num_rows(), buffers)?,
                groups: groups.as_slice(),
            });
        }
        let param = Work {
            keys: batch(work.count, &keys)?,
            rows: batch(work.rows.num_rows(), &rows)?,
            groups: groups.as_slice(),
            due: due.lend(),
            pending: pending.lend(),
            states: &owned,
            now: work.now,
            watermark: work.watermark,
        };
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.reopen().map_err(GuestError::reopening)?,
        };
        let given = Given {
            keys: work.count,
            rows: work.rows.num_rows(),
            reason: self.limits.reason,
            output: self.limits.output,
        };
        let answer = call(
            &mut instance,
            param,
            deadline.unwrap_or(self.limits.deadline),
        );
        let answer = answer.and_then(|answer| answer::check(answer, &self.opened, given));
        // One that trapped, or broke the contract, is in a state that nobody knows.
        if matches!(answer, Ok(_) | Err(GuestError::Failed(_))) {
            self.instance = Some(instance);
        }
        answer
    }

    /// The columns that the plugin reads.
    fn rows(&self, rows: &RecordBatch) -> Result<Export, GuestError> {
        let mut export = Export::default();
        for (number, layout) in self.opened.reads.iter().zip(&self.opened.layouts) {
            let field = self.input.fields().get(*number);
            let Some((field, column)) = field.zip(rows.columns().get(*number)) else {
                return Err(given("a column that is read is not there"));
            };
            export.push(&schema::cast(column, layout, field.name())?)?;
        }
        Ok(export)
    }

    /// A fresh instance, opened as the first one was.
    fn reopen(&self) -> Result<Instance, GuestError> {
        let instance = Instance::new(&self.plugin, &self.limits, &self.lines);
        let mut instance = instance.map_err(OpenError::into_guest)?;
        let opened = instance.open(&self.config, &self.wire, &numbers(&self.key))?;
        let again = |what: &str| {
            GuestError::invalid(format!(
                "`{what}` answered something else than the first time; it must not depend on anything else"
            ))
        };
        if Opened::check(opened, &self.input, &self.key)? != self.opened {
            return Err(again("open"));
        }
        let formers = state::check_formers(&instance.former()?, &self.input, &self.key)?;
        if formers != self.formers {
            return Err(again("former"));
        }
        Ok(instance)
    }
}

/// Timers as bytes.
struct Lent<'a> {
    groups: Buffer,
    times: Buffer,
    kinds: &'a [u8],
}

// === impl Lent ===

impl<'a> Lent<'a> {
    fn of(timers: &'a Timers) -> Self {
        Self {
            groups: bytes(&timers.groups),
            times: Buffer::from_slice_ref(&timers.times),
            kinds: &timers.kinds,
        }
    }

    fn lend(&self) -> TimersParam<'_> {
        TimersParam {
            groups: self.groups.as_slice(),
            times: self.times.as_slice(),
            kinds: self.kinds,
        }
    }
}

fn numbers(columns: &[usize]) -> Vec<u32> {
    let columns = columns.iter();
    columns
        .filter_map(|column| u32::try_from(*column).ok())
        .collect()
}

fn bytes(numbers: &[u32]) -> Buffer {
    Buffer::from_slice_ref(numbers)
}

fn export(rows: &RecordBatch) -> Result<Export, GuestError> {
    let mut export = Export::default();
    let push = |column: &ArrayRef| export.push(column);
    rows.columns().iter().try_for_each(push)?;
    Ok(export)
}

fn batch<'a>(rows: usize, buffers: &'a [&'a [u8]]) -> Result<BatchParam<'a>, GuestError> {
    match u32::try_from(rows) {
        Ok(rows) => Ok(BatchParam { rows, buffers }),
        Err(_) => Err(given("it has more rows than a batch can have")),
    }
}

fn given(what: &str) -> GuestError {
    GuestError::Input { what: what.into() }
}
