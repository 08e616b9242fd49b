//! The running values of all groups, one accumulator for each call.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_empty_array, new_null_array};
use arrow::datatypes::{DataType, FieldRef, Schema};
use azud_model::Error;
use datafusion_common::cast::as_boolean_array;
use datafusion_common::{DataFusionError, Result, exec_datafusion_err};
use datafusion_expr::{EmitTo, GroupsAccumulator};
use datafusion_physical_expr::GroupsAccumulatorAdapter;

use super::user_accumulator::{Prepared, UserAccumulator};
use super::{AggregateCall, Function};

/// One accumulator for each call of an aggregate.
pub(crate) struct Accumulators {
    calls: Vec<Call>,
}

struct Call {
    accumulator: Accumulator,
    arguments: Vec<usize>,
    types: Vec<DataType>,
    filter: Option<usize>,
    states: usize,
}

enum Accumulator {
    BuiltIn(Box<dyn GroupsAccumulator>),
    /// With the results of no groups.
    User(UserAccumulator, ArrayRef),
}

/// What the users' aggregates make of rows, one entry each: it counts once it is given to
/// [`Accumulators::update`].
pub(super) struct PreparedCalls(Vec<Prepared>);

/// Why a row cannot be added.
pub(super) struct Rejection {
    pub(super) reason: String,
    /// The digest of the plugin that says so.
    pub(super) plugin: Option<Arc<str>>,
}

// === impl Accumulators ===

impl Accumulators {
    /// What computes calls from an epoch on: see [`super::UserAggregate::open`].
    pub(super) fn new(calls: &[AggregateCall], input: &Schema, epoch: Option<u64>) -> Result<Self> {
        let calls = calls
            .iter()
            .map(|call| {
                let fields = call.arguments.iter();
                let fields: Vec<FieldRef> = fields
                    .filter_map(|index| input.fields().get(*index))
                    .cloned()
                    .collect();
                let types = fields.iter().map(|field| field.data_type().clone());
                Ok(Call {
                    types: types.collect(),
                    accumulator: accumulator(&call.function, fields, epoch)?,
                    arguments: call.arguments.clone(),
                    filter: call.filter,
                    states: call.function.state_fields()?.len(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { calls })
    }

    /// What users' aggregates make of input rows, row `i` of group `groups[i]` of `total`. Rows
    /// that one of them cannot add count nowhere: prepare the others without them.
    pub(super) fn prepare(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        total: usize,
    ) -> Result<PreparedCalls> {
        let mut prepared = Vec::new();
        for call in &mut self.calls {
            let (values, filter) = (call.values(columns)?, call.filter(columns)?);
            if let Accumulator::User(user, _) = &mut call.accumulator {
                prepared.push(
                    user.prepare(values, groups, total, filter)
                        .map_err(external)?,
                );
            }
        }
        Ok(PreparedCalls(prepared))
    }

    /// Takes input rows, row `i` into group `groups[i]` of `total`, that were prepared.
    pub(super) fn update(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        total: usize,
        prepared: PreparedCalls,
    ) -> Result<()> {
        let mut prepared = prepared.0.into_iter();
        for call in &mut self.calls {
            let (values, filter) = (call.values(columns)?, call.filter(columns)?);
            match &mut call.accumulator {
                Accumulator::BuiltIn(built_in) => {
                    built_in.update_batch(&values, groups, filter, total)?;
                }
                Accumulator::User(user, _) => {
                    let prepared = prepared
                        .next()
                        .ok_or_else(|| exec_datafusion_err!("rows were not prepared"))?;
                    user.commit(prepared, total).map_err(external)?;
                }
            }
        }
        Ok(())
    }

    /// Makes group 0, which has no rows yet.
    pub(super) fn start_empty(&mut self) -> Result<()> {
        // A row that the filter takes out: the group is there, its values are not.
        let none = BooleanArray::from(vec![false]);
        for call in &mut self.calls {
            let values: Vec<_> = call
                .types
                .iter()
                .map(|data_type| new_null_array(data_type, 1))
                .collect();
            match &mut call.accumulator {
                Accumulator::BuiltIn(built_in) => {
                    built_in.update_batch(&values, &[0], Some(&none), 1)?;
                }
                Accumulator::User(user, _) => user.start_empty().map_err(external)?,
            }
        }
        Ok(())
    }

    /// Merges rows of states, row `i` into group `groups[i]` of `total`.
    /// `states` has the state columns only, without the keys.
    pub(crate) fn merge(
        &mut self,
        mut states: &[ArrayRef],
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        for call in &mut self.calls {
            let (own, rest) = states
                .split_at_checked(call.states)
                .ok_or_else(|| exec_datafusion_err!("state columns are missing"))?;
            match &mut call.accumulator {
                Accumulator::BuiltIn(built_in) => built_in.merge_batch(own, groups, total)?,
                Accumulator::User(user, _) => user.merge(own, groups, total).map_err(external)?,
            }
            states = rest;
        }
        Ok(())
    }

    /// The states of all groups; starts afresh.
    pub(crate) fn take_states(&mut self) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::new();
        for call in &mut self.calls {
            columns.extend(match &mut call.accumulator {
                Accumulator::BuiltIn(built_in) => built_in.state(EmitTo::All)?,
                Accumulator::User(user, _) => user.take_states().map_err(external)?,
            });
        }
        Ok(columns)
    }

    /// The results of all groups; starts afresh.
    pub(crate) fn take_results(&mut self) -> Result<Vec<ArrayRef>> {
        self.calls
            .iter_mut()
            .map(|call| match &mut call.accumulator {
                Accumulator::BuiltIn(built_in) => built_in.evaluate(EmitTo::All),
                Accumulator::User(user, none) => user.take_results(none).map_err(external),
            })
            .collect()
    }

    /// The epoch has ended: what follows belongs to the next.
    pub(super) fn end_epoch(&mut self, epoch: u64) -> Result<()> {
        for call in &mut self.calls {
            if let Accumulator::User(user, _) = &mut call.accumulator {
                user.end_epoch(epoch).map_err(external)?;
            }
        }
        Ok(())
    }

    /// About how many bytes the running values take.
    pub(super) fn bytes(&self) -> usize {
        let bytes = self.calls.iter().map(|call| match &call.accumulator {
            Accumulator::BuiltIn(built_in) => built_in.size(),
            Accumulator::User(user, _) => user.bytes(),
        });
        bytes.sum()
    }
}

// === impl Call ===

impl Call {
    fn values(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let arguments = self.arguments.iter();
        arguments
            .map(|index| column(columns, *index).cloned())
            .collect()
    }

    fn filter<'a>(&self, columns: &'a [ArrayRef]) -> Result<Option<&'a BooleanArray>> {
        let filter = self.filter;
        filter
            .map(|index| as_boolean_array(column(columns, index)?))
            .transpose()
    }
}

// === impl PreparedCalls ===

impl PreparedCalls {
    /// The rows that cannot be added, each once and in their order.
    pub(super) fn take_rejected(&mut self) -> BTreeMap<usize, Rejection> {
        let mut rejected = BTreeMap::new();
        for call in &mut self.0 {
            for (row, reason) in call.rejected.drain(..) {
                rejected.entry(row).or_insert_with(|| Rejection {
                    reason,
                    plugin: call.plugin.clone(),
                });
            }
        }
        rejected
    }
}

fn column(columns: &[ArrayRef], index: usize) -> Result<&ArrayRef> {
    columns
        .get(index)
        .ok_or_else(|| exec_datafusion_err!("there is no column {index} to aggregate"))
}

fn accumulator(
    function: &Function,
    arguments: Vec<FieldRef>,
    epoch: Option<u64>,
) -> Result<Accumulator> {
    let function = match function {
        Function::BuiltIn(function) => function,
        Function::User(function) => {
            let arguments = Arc::new(Schema::new(arguments));
            let user = UserAccumulator::new(function, arguments, epoch).map_err(external)?;
            return Ok(Accumulator::User(user, new_empty_array(function.output())));
        }
    };
    if function.groups_accumulator_supported() {
        return Ok(Accumulator::BuiltIn(function.create_groups_accumulator()?));
    }
    // Fail now rather than at the first group.
    function.create_accumulator()?;
    let function = function.clone();
    let adapter = GroupsAccumulatorAdapter::new(move || function.create_accumulator());
    Ok(Accumulator::BuiltIn(Box::new(adapter)))
}

/// On its way through DataFusion's errors: `reason::internal` finds it again.
fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
