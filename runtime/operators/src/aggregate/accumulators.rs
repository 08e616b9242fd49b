//! The running values of all groups, one accumulator for each call.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_null_array};
use arrow::datatypes::{DataType, Schema};
use datafusion_common::cast::as_boolean_array;
use datafusion_common::{Result, exec_datafusion_err};
use datafusion_expr::{EmitTo, GroupsAccumulator};
use datafusion_physical_expr::GroupsAccumulatorAdapter;
use datafusion_physical_expr::aggregate::AggregateFunctionExpr;

use super::AggregateCall;

/// One [`GroupsAccumulator`] for each call of an aggregate.
pub(crate) struct Accumulators {
    calls: Vec<Call>,
}

struct Call {
    accumulator: Box<dyn GroupsAccumulator>,
    arguments: Vec<usize>,
    types: Vec<DataType>,
    filter: Option<usize>,
    states: usize,
}

// === impl Accumulators ===

impl Accumulators {
    pub(super) fn new(calls: &[AggregateCall], input: &Schema) -> Result<Self> {
        let calls = calls
            .iter()
            .map(|call| {
                Ok(Call {
                    accumulator: accumulator(&call.function)?,
                    arguments: call.arguments.clone(),
                    types: call
                        .arguments
                        .iter()
                        .filter_map(|index| input.fields().get(*index))
                        .map(|field| field.data_type().clone())
                        .collect(),
                    filter: call.filter,
                    states: call.function.state_fields()?.len(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { calls })
    }

    /// Takes input rows, row `i` into group `groups[i]` of `total`.
    pub(super) fn update(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        for call in &mut self.calls {
            let values = call
                .arguments
                .iter()
                .map(|index| column(columns, *index).cloned())
                .collect::<Result<Vec<_>>>()?;
            let filter: Option<&BooleanArray> = call
                .filter
                .map(|index| as_boolean_array(column(columns, index)?))
                .transpose()?;
            call.accumulator
                .update_batch(&values, groups, filter, total)?;
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
            call.accumulator
                .update_batch(&values, &[0], Some(&none), 1)?;
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
            call.accumulator.merge_batch(own, groups, total)?;
            states = rest;
        }
        Ok(())
    }

    /// The states of all groups; starts afresh.
    pub(crate) fn take_states(&mut self) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::new();
        for call in &mut self.calls {
            columns.extend(call.accumulator.state(EmitTo::All)?);
        }
        Ok(columns)
    }

    /// The results of all groups; starts afresh.
    pub(crate) fn take_results(&mut self) -> Result<Vec<ArrayRef>> {
        self.calls
            .iter_mut()
            .map(|call| call.accumulator.evaluate(EmitTo::All))
            .collect()
    }

    /// About how many bytes the running values take.
    pub(super) fn bytes(&self) -> usize {
        self.calls.iter().map(|call| call.accumulator.size()).sum()
    }
}

fn column(columns: &[ArrayRef], index: usize) -> Result<&ArrayRef> {
    columns
        .get(index)
        .ok_or_else(|| exec_datafusion_err!("there is no column {index} to aggregate"))
}

fn accumulator(function: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if function.groups_accumulator_supported() {
        return function.create_groups_accumulator();
    }
    // Fail now rather than at the first group.
    function.create_accumulator()?;
    let function = function.clone();
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || {
        function.create_accumulator()
    })))
}
