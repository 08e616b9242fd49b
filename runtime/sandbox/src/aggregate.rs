//! An aggregate, opened: rows into states, states together, results out.

mod instance;
mod schemas;

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, RecordBatch},
    buffer::Buffer,
    datatypes::{DataType, Fields, Schema, SchemaRef},
};

use crate::{
    GuestError, Limits, Logger, OpenError, Plugin, World,
    bindings::azud::plugin::types::BatchResult,
    boundary::{self, Export},
    log::Lines,
    schema::{self, WireField},
};
use instance::Instance;
use schemas::{Schemas, check_formers};

/// A plugin that reduces groups, opened on a configuration and the schema of its arguments.
/// It keeps nothing between calls: states are given to it, and come back.
pub struct Aggregate {
    plugin: Plugin,
    limits: Limits,
    lines: Lines,
    config: String,
    input: SchemaRef,
    wire: Vec<WireField>,
    /// The layout in which each argument is sent.
    layouts: Vec<DataType>,
    schemas: Schemas,
    /// The columns of the states of each earlier version that it can convert.
    formers: Vec<SchemaRef>,
    /// None after a trap: the next call opens a fresh one.
    instance: Option<Instance>,
    rows: Export,
    states: Export,
}

// === impl Aggregate ===

impl Aggregate {
    /// Opens an instance: `config` is JSON, `input` the schema of its arguments.
    pub fn open(
        plugin: &Plugin,
        config: &str,
        input: &Schema,
        limits: Limits,
        logger: Arc<dyn Logger>,
    ) -> Result<Self, OpenError> {
        if !plugin.is(World::Aggregate) {
            let (name, actual) = (plugin.name().to_owned(), plugin.world().name());
            return Err(OpenError::World {
                name,
                actual,
                expected: World::Aggregate.name(),
            });
        }
        let wire = schema::to_wire(input)?;
        let lines = Lines::new(logger, &limits);
        let mut instance = Instance::new(plugin, &limits, &lines)?;
        let schemas = Schemas::check(instance.open(config, &wire)?)?;
        let formers = check_formers(&instance.former()?)?;
        let fields = input.fields().iter();
        Ok(Self {
            plugin: plugin.clone(),
            limits,
            lines,
            config: config.to_owned(),
            input: Arc::new(input.clone()),
            wire,
            layouts: fields
                .filter_map(|field| schema::physical(field.data_type()))
                .collect(),
            schemas,
            formers,
            instance: Some(instance),
            rows: Export::default(),
            states: Export::default(),
        })
    }

    /// The columns of its arguments.
    pub fn input_schema(&self) -> &SchemaRef {
        &self.input
    }

    /// One row of it is the state of a group.
    pub fn state_schema(&self) -> &SchemaRef {
        &self.schemas.state
    }

    /// The columns of the states that earlier versions kept: [`Self::migrate`] converts them.
    pub fn formers(&self) -> &[SchemaRef] {
        &self.formers
    }

    /// One row of these columns is the result of a group.
    pub fn output(&self) -> &Fields {
        self.schemas.output.fields()
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

    /// Adds rows to states, row `i` to group `groups[i]` of `total`: groups go on from their
    /// row of `states`, and those beyond are new. Answers with a row of states for each group.
    /// Without a deadline, that of the limits holds.
    pub fn update(
        &mut self,
        states: &RecordBatch,
        total: usize,
        groups: &[u32],
        rows: &RecordBatch,
        deadline: Option<Duration>,
    ) -> Result<RecordBatch, GuestError> {
        boundary::check_input(rows, &self.input)?;
        check_groups(groups, rows.num_rows(), total)?;
        if states.num_rows() > total {
            return Err(given("there are more states than groups"));
        }
        let state_count = self.export_states(states)?;
        let row_count = count(rows.num_rows())?;
        self.rows.clear();
        let columns = self.layouts.iter().zip(rows.columns());
        for ((layout, column), field) in columns.zip(self.input.fields()) {
            self.rows
                .push(&schema::cast(column, layout, field.name())?)?;
        }
        let numbers = Buffer::from_slice_ref(groups);
        let deadline = deadline.unwrap_or(self.limits.deadline);
        let mut instance = self.take_instance()?;
        let answer = instance.update(
            (state_count, &self.states.lend()),
            count(total)?,
            &numbers,
            (row_count, &self.rows.lend()),
            deadline,
        );
        self.rows.clear();
        self.states.clear();
        let states = answer.and_then(|answer| self.import_states(answer, total));
        self.keep(instance, states)
    }

    /// Folds states together, row `i` into group `groups[i]` of `total`; every group occurs.
    /// Answers with a row of states for each group.
    pub fn merge(
        &mut self,
        states: &RecordBatch,
        groups: &[u32],
        total: usize,
    ) -> Result<RecordBatch, GuestError> {
        check_groups(groups, states.num_rows(), total)?;
        let rows = self.export_states(states)?;
        let numbers = Buffer::from_slice_ref(groups);
        let mut instance = self.take_instance()?;
        let answer = instance.merge(
            (rows, &self.states.lend()),
            count(total)?,
            &numbers,
            self.limits.deadline,
        );
        self.states.clear();
        let states = answer.and_then(|answer| self.import_states(answer, total));
        self.keep(instance, states)
    }

    /// The results of states, a row each, in their order.
    pub fn finish(&mut self, states: &RecordBatch) -> Result<RecordBatch, GuestError> {
        let rows = self.export_states(states)?;
        let mut instance = self.take_instance()?;
        let answer = instance.finish((rows, &self.states.lend()), self.limits.deadline);
        self.states.clear();
        let output = &self.schemas.output;
        let results = answer.and_then(|answer| import(answer, output, states.num_rows()));
        self.keep(instance, results)
    }

    /// Converts states of a version in [`Self::formers`], whose columns they have. Answers with a
    /// row of [`Self::state_schema`] for each, in their order. Without a deadline, that of the
    /// limits holds.
    pub fn migrate(
        &mut self,
        version: usize,
        states: &RecordBatch,
        deadline: Option<Duration>,
    ) -> Result<RecordBatch, GuestError> {
        let known = self.formers.get(version).zip(u32::try_from(version).ok());
        let Some((former, version)) = known else {
            return Err(given("`former` has not named such a version"));
        };
        let former = former.clone();
        let rows = self.export(states, &former)?;
        let deadline = deadline.unwrap_or(self.limits.deadline);
        let mut instance = self.take_instance()?;
        let answer = instance.migrate(version, (rows, &self.states.lend()), deadline);
        self.states.clear();
        let converted = answer.and_then(|answer| self.import_states(answer, states.num_rows()));
        self.keep(instance, converted)
    }

    fn export_states(&mut self, states: &RecordBatch) -> Result<u32, GuestError> {
        let schema = self.schemas.state.clone();
        self.export(states, &schema)
    }

    fn export(&mut self, states: &RecordBatch, schema: &SchemaRef) -> Result<u32, GuestError> {
        boundary::check_input(states, schema)?;
        self.states.clear();
        let push = |column: &ArrayRef| self.states.push(column);
        states.columns().iter().try_for_each(push)?;
        count(states.num_rows())
    }

    fn import_states(&self, answer: BatchResult, groups: usize) -> Result<RecordBatch, GuestError> {
        import(answer, &self.schemas.state, groups)
    }

    fn take_instance(&mut self) -> Result<Instance, GuestError> {
        match self.instance.take() {
            Some(instance) => Ok(instance),
            None => self.reopen().map_err(GuestError::reopening),
        }
    }

    /// One that trapped, or broke the contract, is in a state that nobody knows.
    fn keep<T>(
        &mut self,
        instance: Instance,
        answer: Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        if matches!(answer, Ok(_) | Err(GuestError::Failed(_))) {
            self.instance = Some(instance);
        }
        answer
    }

    /// A fresh instance, opened as the first one was.
    fn reopen(&self) -> Result<Instance, GuestError> {
        let instance = Instance::new(&self.plugin, &self.limits, &self.lines);
        let mut instance = instance.map_err(OpenError::into_guest)?;
        let again = |what: &str| {
            GuestError::invalid(format!(
                "`{what}` answered other columns than the first time; it must not depend on anything else"
            ))
        };
        if Schemas::check(instance.open(&self.config, &self.wire)?)? != self.schemas {
            return Err(again("open"));
        }
        if check_formers(&instance.former()?)? != self.formers {
            return Err(again("former"));
        }
        Ok(instance)
    }
}

/// What a guest answered, as so many rows of a schema: nothing of it is trusted.
fn import(answer: BatchResult, schema: &SchemaRef, rows: usize) -> Result<RecordBatch, GuestError> {
    if answer.rows as usize != rows {
        return Err(GuestError::invalid(format!(
            "{} rows for {rows} groups",
            answer.rows
        )));
    }
    boundary::batch(answer, schema)
}

fn check_groups(groups: &[u32], rows: usize, total: usize) -> Result<(), GuestError> {
    if groups.len() != rows {
        return Err(given("there is not one group for each row"));
    }
    let highest = groups.iter().fold(0, |highest, group| highest.max(*group));
    match groups.is_empty() || (highest as usize) < total {
        true => Ok(()),
        false => Err(given("a row is of a group that is not there")),
    }
}

fn given(what: &str) -> GuestError {
    GuestError::Input { what: what.into() }
}

fn count(rows: usize) -> Result<u32, GuestError> {
    u32::try_from(rows).map_err(|_| GuestError::Input {
        what: format!("{rows} rows are more than a batch can have"),
    })
}
