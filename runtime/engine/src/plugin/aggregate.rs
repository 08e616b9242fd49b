//! A plugin as an aggregate function: the operators' traits over the sandbox's calls.

mod calls;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Clock, Error, Result};
use azud_operators::{MAX_ROWS, Reducer, Update, UserAggregate};
use azud_sandbox::{Aggregate, GuestError, OpenError};

use super::search::{Experience, Search};
use calls::UpdateCalls;

/// Bytes of rows and states that a call is given, about: a fraction of the memory that an
/// instance has.
const MAX_BYTES: usize = 4 << 20;

/// Instances that nobody uses are kept for who comes next, but not more.
const MAX_SPARE: usize = 64;

/// Opens an instance.
pub(crate) type OpenAggregate = Box<dyn Fn() -> Result<Aggregate, OpenError> + Send + Sync>;

/// A plugin's aggregate, for arguments of certain types.
pub(crate) struct PluginAggregate {
    shared: Arc<Shared>,
    state: SchemaRef,
    output: DataType,
}

/// What its instances have in common.
struct Shared {
    /// The function, in messages: node and name.
    title: String,
    /// The columns of a result, where there are several.
    outputs: Option<Fields>,
    /// The plugin's digest.
    digest: String,
    open: OpenAggregate,
    clock: Arc<dyn Clock>,
    /// Instances at rest: results are made by operators that come and go.
    spare: Mutex<Vec<Opened>>,
}

/// An instance, and what is known of how it fares.
struct Opened {
    aggregate: Aggregate,
    known: Experience,
}

/// An instance at work.
struct Lane {
    /// Always there until it is dropped.
    opened: Option<Opened>,
    shared: Arc<Shared>,
}

// === impl PluginAggregate ===

impl PluginAggregate {
    /// `first` told the schemas, and serves the first operator; `title` names it in messages.
    pub(crate) fn new(
        title: String,
        first: Aggregate,
        open: OpenAggregate,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = first.state_schema().clone();
        let outputs = first.output().clone();
        let (output, outputs) = match outputs.first() {
            Some(only) if outputs.len() == 1 => (only.data_type().clone(), None),
            _ => (DataType::Struct(outputs.clone()), Some(outputs)),
        };
        let digest = first.plugin().digest().to_owned();
        let first = Opened {
            aggregate: first,
            known: Experience::default(),
        };
        let shared = Shared {
            title,
            outputs,
            digest,
            open,
            clock,
            spare: Mutex::new(vec![first]),
        };
        Self {
            shared: Arc::new(shared),
            state,
            output,
        }
    }
}

impl UserAggregate for PluginAggregate {
    fn state(&self) -> &SchemaRef {
        &self.state
    }

    fn output(&self) -> &DataType {
        &self.output
    }

    fn plugin(&self) -> Option<&str> {
        Some(&self.shared.digest)
    }

    fn open(&self) -> Result<Box<dyn Reducer>> {
        let spare = self.shared.spare().pop();
        let opened = match spare {
            Some(opened) => opened,
            None => Opened {
                aggregate: (self.shared.open)().map_err(|error| self.shared.failed(&error))?,
                known: Experience::default(),
            },
        };
        Ok(Box::new(Lane {
            opened: Some(opened),
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
    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Opened>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &dyn fmt::Display) -> Error {
        Error::plugin(format!("{}: {error}", self.title))
    }

    /// Nothing can be left out where states fail: the epoch cannot be computed.
    fn stopped(&self, what: &str, error: &GuestError) -> Error {
        Error::plugin(format!(
            "{} could not {what}: {error}; another version of the plugin, which keeps the same \
             columns, goes on with the states of the last epoch",
            self.title
        ))
    }
}

// === impl Lane ===

impl Lane {
    fn opened(&mut self) -> Result<&mut Opened> {
        let opened = self.opened.as_mut();
        opened.ok_or_else(|| Error::internal("an aggregate has no instance"))
    }
}

impl Reducer for Lane {
    fn update(&mut self, update: &mut Update) -> Result<Vec<(usize, String)>> {
        let mut rejected = Vec::new();
        let shared = self.shared.clone();
        let opened = self.opened()?;
        let limit = opened.aggregate.deadline();
        for rows in update.pieces(MAX_ROWS, MAX_BYTES) {
            let calls = UpdateCalls {
                title: &shared.title,
                aggregate: &mut opened.aggregate,
                update: &mut *update,
                first: rows.start,
                rejected: &mut rejected,
            };
            let clock = &*shared.clock;
            Search::new(calls, rows.len(), limit, &mut opened.known, clock).run()?;
        }
        Ok(rejected)
    }

    fn empty(&mut self, groups: usize) -> Result<RecordBatch> {
        let shared = self.shared.clone();
        let aggregate = &mut self.opened()?.aggregate;
        let (states, rows) = (aggregate.state_schema(), aggregate.input_schema());
        let states = RecordBatch::new_empty(states.clone());
        let rows = RecordBatch::new_empty(rows.clone());
        let empty = aggregate.update(&states, groups, &[], &rows, None);
        empty.map_err(|error| shared.stopped("make the state of a group without rows", &error))
    }

    fn merge(&mut self, states: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch> {
        let shared = self.shared.clone();
        let merged = self.opened()?.aggregate.merge(states, groups, total);
        merged.map_err(|error| shared.stopped("merge states", &error))
    }

    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef> {
        let shared = self.shared.clone();
        let finished = self.opened()?.aggregate.finish(states);
        let finished =
            finished.map_err(|error| shared.stopped("make results of states", &error))?;
        match (&shared.outputs, finished.columns()) {
            (None, [only]) => Ok(only.clone()),
            (outputs, columns) => {
                let fields = outputs.clone().unwrap_or_default();
                let result = StructArray::try_new(fields, columns.to_vec(), None)?;
                Ok(Arc::new(result))
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut spare = self.shared.spare();
        if let Some(opened) = self.opened.take().filter(|_| spare.len() < MAX_SPARE) {
            spare.push(opened);
        }
    }
}
