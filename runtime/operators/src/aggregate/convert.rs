//! Rows of states that earlier versions of users' aggregates have kept become what these ones keep.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::array_value_to_string;
use azud_model::{Error, Result};

use super::user::{Reducer, UserAggregate};
use super::user_accumulator::pieces;
use super::{Aggregate, AggregateCall, Function, failed};

/// So many combinations of earlier versions are known where a query calls several aggregates
/// that convert states.
const MAX_COMBINATIONS: usize = 1_000;

/// So many bytes of states a lane may convert: columns of text hold 2 GiB at most, and one epoch
/// records all of it.
const MAX_BYTES: usize = 1 << 30;

/// An aggregate some of whose functions are earlier versions of what they are now.
pub(crate) struct Former {
    now: Arc<Aggregate>,
    /// It says how its rows are, and computes nothing.
    aggregate: Aggregate,
    /// Of each call, which earlier version it was; `None`: it was what it is.
    versions: Vec<Option<usize>>,
    /// Bytes that were converted.
    bytes: usize,
}

/// A user's aggregate as an earlier version kept its states.
#[derive(Debug)]
struct Earlier {
    now: Arc<dyn UserAggregate>,
    state: SchemaRef,
}

/// The aggregates whose states this one converts, each with other versions of its functions.
pub(crate) fn formers(aggregate: &Arc<Aggregate>) -> Result<Vec<Former>> {
    let all = combinations(aggregate.calls());
    let all = all.into_iter();
    all.map(|versions| Former::new(aggregate, versions))
        .collect()
}

/// Which earlier versions calls may have been of; without that in which all are what they are.
///
/// Calls of one function for the same types are of one plugin, and so of one version.
fn combinations(calls: &[AggregateCall]) -> Vec<Vec<Option<usize>>> {
    let mut functions: Vec<&Arc<dyn UserAggregate>> = Vec::new();
    let mut of_calls: Vec<Option<usize>> = Vec::new();
    for call in calls {
        let Function::User(function) = &call.function else {
            of_calls.push(None);
            continue;
        };
        let known = functions
            .iter()
            .position(|other| Arc::ptr_eq(other, function));
        of_calls.push(Some(known.unwrap_or(functions.len())));
        if known.is_none() {
            functions.push(function);
        }
    }
    let mut all: Vec<Vec<Option<usize>>> = vec![Vec::new()];
    for function in functions {
        let known = function.formers().len();
        let versions = || std::iter::once(None).chain((0..known).map(Some));
        let longer = all.iter().flat_map(|before| {
            versions().map(move |version| [before.as_slice(), &[version]].concat())
        });
        all = longer.take(MAX_COMBINATIONS).collect();
    }
    let of_calls = |versions: Vec<Option<usize>>| {
        let calls = of_calls.iter();
        let versions =
            calls.map(|function| function.and_then(|function| *versions.get(function)?));
        versions.collect()
    };
    all.into_iter().skip(1).map(of_calls).collect()
}

// === impl Former ===

impl Former {
    /// One of those that [`formers`] gives, by its number.
    pub(crate) fn of(aggregate: &Arc<Aggregate>, number: usize) -> Result<Self> {
        let versions = combinations(aggregate.calls()).into_iter().nth(number);
        let missing = || Error::internal("an aggregate knows no such earlier version");
        Self::new(aggregate, versions.ok_or_else(missing)?)
    }

    fn new(now: &Arc<Aggregate>, versions: Vec<Option<usize>>) -> Result<Self> {
        let calls = now.calls().iter().zip(&versions);
        let calls = calls.map(|(call, version)| AggregateCall {
            function: earlier(&call.function, *version),
            ..call.clone()
        });
        Ok(Self {
            aggregate: now.with_calls(calls.collect()).map_err(failed)?,
            now: now.clone(),
            versions,
            bytes: 0,
        })
    }

    /// What says how the rows are that it kept.
    pub(crate) fn aggregate(&self) -> &Aggregate {
        &self.aggregate
    }

    /// Rows of keys and states as those of the aggregate as it is now.
    ///
    /// # Errors
    /// `Plugin` if a plugin cannot convert a state, whose group is named; `Invalid` if it is more
    /// than an epoch can record.
    pub(crate) fn convert(&mut self, rows: &RecordBatch) -> Result<RecordBatch> {
        let keys = self.now.keys();
        let mut columns = rows.columns().get(..keys).unwrap_or_default().to_vec();
        let mut rest = rows.columns().get(keys..).unwrap_or_default();
        let calls = self.aggregate.calls().iter().zip(self.now.calls());
        for ((then, now), version) in calls.zip(&self.versions) {
            let own = then.function.state_fields().map_err(failed)?.len();
            let missing = || Error::internal("rows of state lack columns of a call");
            let (own, others) = rest.split_at_checked(own).ok_or_else(missing)?;
            rest = others;
            match (&then.function, &now.function, version) {
                (Function::User(then), Function::User(now), Some(version)) => {
                    let states = RecordBatch::try_new(then.state().clone(), own.to_vec())?;
                    let group = |row| self.words(rows, row);
                    let states = migrated(now, *version, &states, &group)?;
                    columns.extend(states.columns().iter().cloned());
                }
                _ => columns.extend(own.iter().cloned()),
            }
        }
        let converted = RecordBatch::try_new(self.now.state().clone(), columns)?;
        self.bytes += bytes(&converted);
        match self.bytes <= MAX_BYTES {
            true => Ok(converted),
            false => Err(Error::invalid(format!(
                "states of more than {} MiB are to be converted in a lane, and so much can be \
                 recorded at once: give the pipeline more lanes",
                MAX_BYTES >> 20
            ))),
        }
    }

    /// The group of a row for a person, by its keys.
    fn words(&self, rows: &RecordBatch, row: usize) -> String {
        let keys = rows.columns().iter().take(self.now.keys());
        let names = self.now.key_names().chain(std::iter::repeat(""));
        let words = keys.zip(names).map(|(column, name)| {
            let value = array_value_to_string(column, row).unwrap_or_default();
            format!("{name} `{value}`")
        });
        match words.collect::<Vec<_>>() {
            none if none.is_empty() => "the only group".to_owned(),
            words => format!("the group {}", words.join(", ")),
        }
    }
}

/// A function as it was in a version.
fn earlier(function: &Function, version: Option<usize>) -> Function {
    let (Function::User(now), Some(version)) = (function, version) else {
        return function.clone();
    };
    let state = now.formers().get(version).unwrap_or(now.state()).clone();
    Function::User(Arc::new(Earlier {
        now: now.clone(),
        state,
    }))
}

/// The states that a version's become, in calls that each have as much as may cross at once.
fn migrated(
    function: &Arc<dyn UserAggregate>,
    version: usize,
    states: &RecordBatch,
    group: &dyn Fn(usize) -> String,
) -> Result<RecordBatch> {
    let mut reducer = function.open(None)?;
    let (mut all, mut from) = (Vec::new(), 0);
    for states in pieces(states) {
        let first = from;
        from += states.num_rows();
        all.push(reducer.migrate(version, &states, &|row| group(first + row))?);
    }
    Ok(concat_batches(function.state(), &all)?)
}

fn bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter();
    columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
        .sum()
}

impl UserAggregate for Earlier {
    fn state(&self) -> &SchemaRef {
        &self.state
    }

    fn output(&self) -> &DataType {
        self.now.output()
    }

    fn open(&self, _: Option<u64>) -> Result<Box<dyn Reducer>> {
        Err(Error::internal("an earlier version computes nothing"))
    }
}
