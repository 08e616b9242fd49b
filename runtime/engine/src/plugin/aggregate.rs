//! A plugin as an aggregate function: the operators' traits over the sandbox's calls.

mod calls;
mod convert;
mod differ;

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Clock, Error, Result};
use azud_operators::{MAX_ROWS, Reducer, Update, UserAggregate};
use azud_sandbox::{Aggregate, GuestError};

use super::differ::Beside;
use super::search::{Experience, Search};
use crate::swap::{InLane, Versions};
use calls::UpdateCalls;
use convert::ConvertCalls;
use differ::FinishCall;

/// Bytes of rows and states that a call is given, about: a fraction of the memory that an
/// instance has.
const MAX_BYTES: usize = 4 << 20;

/// A plugin's aggregate, for arguments of certain types.
pub(crate) struct PluginAggregate {
    shared: Arc<Shared>,
    state: SchemaRef,
    /// The states of earlier versions that it converts.
    formers: Vec<SchemaRef>,
    output: DataType,
}

/// What the plugin has named: of each group its state, and those of earlier versions, and what it
/// gives.
#[derive(Clone, Debug)]
pub(crate) struct AggregateColumns {
    pub(crate) state: SchemaRef,
    pub(crate) formers: Vec<SchemaRef>,
    pub(crate) outputs: Fields,
}

/// What its instances have in common.
struct Shared {
    /// The function, in messages: node and name.
    title: String,
    /// The columns of a result, where there are several.
    outputs: Option<Fields>,
    clock: Arc<dyn Clock>,
    versions: Arc<Versions<Aggregate>>,
}

/// An instance at work.
struct Lane {
    /// Always there until it is dropped.
    plugin: Option<InLane<Aggregate>>,
    known: Experience,
    shared: Arc<Shared>,
}

// === impl AggregateColumns ===

impl AggregateColumns {
    /// Those of a plugin that was opened.
    pub(crate) fn of(aggregate: &Aggregate) -> Self {
        Self {
            state: aggregate.state_schema().clone(),
            formers: aggregate.formers().to_vec(),
            outputs: aggregate.output().clone(),
        }
    }
}

// === impl PluginAggregate ===

impl PluginAggregate {
    /// `title` names it in messages; all versions have the states and results of `first`.
    pub(crate) fn new(
        title: String,
        first: &AggregateColumns,
        versions: Arc<Versions<Aggregate>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let outputs = first.outputs.clone();
        let (output, outputs) = match outputs.first() {
            Some(only) if outputs.len() == 1 => (only.data_type().clone(), None),
            _ => (DataType::Struct(outputs.clone()), Some(outputs)),
        };
        let shared = Shared {
            title,
            outputs,
            clock,
            versions,
        };
        Self {
            shared: Arc::new(shared),
            state: first.state.clone(),
            formers: first.formers.clone(),
            output,
        }
    }
}

impl UserAggregate for PluginAggregate {
    fn state(&self) -> &SchemaRef {
        &self.state
    }

    fn formers(&self) -> &[SchemaRef] {
        &self.formers
    }

    fn output(&self) -> &DataType {
        &self.output
    }

    fn open(&self, epoch: Option<u64>) -> Result<Box<dyn Reducer>> {
        Ok(Box::new(Lane {
            plugin: Some(InLane::at(&self.shared.versions, epoch)?),
            known: Experience::default(),
            shared: self.shared.clone(),
        }))
    }
}

impl fmt::Debug for PluginAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shared.title)
    }
}

// === impl Shared ===

impl Shared {
    /// Nothing can be left out where states fail: the epoch cannot be computed.
    fn stopped(&self, plugin: &InLane<Aggregate>, what: &str, error: &GuestError) -> Error {
        let stops = || {
            Error::plugin(format!(
                "{} could not {what}: {error}; another version of the plugin, which keeps the same \
                 columns, goes on with the states of the last epoch",
                self.title
            ))
        };
        plugin.taken_back().unwrap_or_else(stops)
    }
}

// === impl Lane ===

impl Lane {
    fn plugin(&mut self) -> Result<&mut InLane<Aggregate>> {
        let plugin = self.plugin.as_mut();
        plugin.ok_or_else(|| Error::internal("an aggregate has no instance"))
    }

    /// Calls the plugin on what cannot be left out.
    fn call<A>(
        &mut self,
        what: &str,
        work: impl FnMut(&mut Aggregate) -> Result<A, GuestError>,
    ) -> Result<A> {
        let shared = self.shared.clone();
        let plugin = self.plugin()?;
        let answer = plugin.call(work);
        answer.map_err(|error| shared.stopped(plugin, what, &error))
    }
}

impl Reducer for Lane {
    fn plugin(&self) -> Option<&str> {
        self.plugin.as_ref().map(InLane::digest)
    }

    fn end_epoch(&mut self, epoch: u64) -> Result<()> {
        if self.plugin()?.end_epoch(epoch, None)? {
            self.known = Experience::default();
        }
        Ok(())
    }

    fn update(&mut self, update: &mut Update) -> Result<Vec<(usize, String)>> {
        let mut rejected = Vec::new();
        let shared = self.shared.clone();
        let Some(plugin) = &mut self.plugin else {
            return Err(Error::internal("an aggregate has no instance"));
        };
        let limit = plugin.get().deadline();
        for rows in update.pieces(MAX_ROWS, MAX_BYTES) {
            let calls = UpdateCalls {
                title: &shared.title,
                plugin: &mut *plugin,
                update: &mut *update,
                first: rows.start,
                rejected: &mut rejected,
            };
            let clock = &*shared.clock;
            Search::new(calls, rows.len(), limit, &mut self.known, clock).run()?;
        }
        Ok(rejected)
    }

    fn empty(&mut self, groups: usize) -> Result<RecordBatch> {
        self.call("make the state of a group without rows", |aggregate| {
            let states = RecordBatch::new_empty(aggregate.state_schema().clone());
            let rows = RecordBatch::new_empty(aggregate.input_schema().clone());
            aggregate.update(&states, groups, &[], &rows, None)
        })
    }

    fn merge(&mut self, states: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch> {
        self.call("merge states", |aggregate| {
            aggregate.merge(states, groups, total)
        })
    }

    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef> {
        let beside = Beside::of(self.plugin()?, None);
        let finished = self.call("make results of states", |aggregate| {
            aggregate.finish(states)
        })?;
        if let Some(beside) = beside {
            let states = states.clone();
            let plugin = self.plugin()?.get();
            beside.offer(plugin, &Ok(finished.clone()), FinishCall { states });
        }
        match (&self.shared.outputs, finished.columns()) {
            (None, [only]) => Ok(only.clone()),
            (outputs, columns) => {
                let fields = outputs.clone().unwrap_or_default();
                let result = StructArray::try_new(fields, columns.to_vec(), None)?;
                Ok(Arc::new(result))
            }
        }
    }

    fn migrate(
        &mut self,
        former: usize,
        states: &RecordBatch,
        group: &dyn Fn(usize) -> String,
    ) -> Result<RecordBatch> {
        let shared = self.shared.clone();
        let Some(plugin) = &mut self.plugin else {
            return Err(Error::internal("an aggregate has no instance"));
        };
        let limit = plugin.get().deadline();
        let mut converted = Vec::new();
        let calls = ConvertCalls {
            title: &shared.title,
            plugin,
            former,
            states,
            group,
            converted: &mut converted,
        };
        let (rows, clock) = (states.num_rows(), &*shared.clock);
        Search::new(calls, rows, limit, &mut self.known, clock).run()?;
        let schema = self.plugin()?.get().state_schema();
        Ok(concat_batches(schema, &converted)?)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(plugin) = self.plugin.take() {
            plugin.give_back();
        }
    }
}
