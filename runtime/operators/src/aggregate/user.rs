//! A user's aggregate function: what runs its code offers it to the operators as these traits.

use std::fmt;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

use super::update::Update;

/// An aggregate function over columns of certain types. A group's state is a row of
/// [`Self::state`]: the operators keep, move and checkpoint it.
pub trait UserAggregate: fmt::Debug + Send + Sync {
    /// The columns of a group's state, at least one.
    fn state(&self) -> &SchemaRef;

    /// The columns of the states that earlier versions of it kept, as far as it can convert
    /// them: [`Reducer::migrate`] goes by these numbers.
    fn formers(&self) -> &[SchemaRef] {
        &[]
    }

    /// The type of a group's result.
    fn output(&self) -> &DataType;

    /// What computes it, for one operator, from this epoch on; `None`: from the one on that the
    /// attempt begins with. Who computes a function may be another one in another epoch.
    ///
    /// # Errors
    /// Stop the pipeline.
    fn open(&self, epoch: Option<u64>) -> Result<Box<dyn Reducer>>;
}

/// Computes a user's aggregate. It keeps nothing between calls: whatever it fails on, its
/// states are where they were.
pub trait Reducer: Send {
    /// The digest of the plugin that it is; `None` where it is none. Rows that it cannot add
    /// are rejected with it.
    fn plugin(&self) -> Option<&str> {
        None
    }

    /// The epoch has ended: what it is called for from now on belongs to the next.
    ///
    /// # Errors
    /// As [`Self::update`].
    fn end_epoch(&mut self, epoch: u64) -> Result<()> {
        let _ = epoch;
        Ok(())
    }

    /// Adds the rows of an update to the states of their groups. Answers with the rows that
    /// it cannot add, each once, and why; all others were added.
    ///
    /// # Errors
    /// Stop the pipeline.
    fn update(&mut self, update: &mut Update) -> Result<Vec<(usize, String)>>;

    /// The states of so many groups of which nothing is known yet.
    ///
    /// # Errors
    /// Stop the pipeline.
    fn empty(&mut self, groups: usize) -> Result<RecordBatch>;

    /// Folds rows of states together: row `i` is of group `groups[i]`, every group below
    /// `total` occurs, and what is older comes first. Answers with one row a group.
    ///
    /// # Errors
    /// `Plugin`, where less at once might do: it is called again with fewer groups, or
    /// fewer rows of one. All others, and those for two rows, stop the pipeline.
    fn merge(&mut self, states: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch>;

    /// The results of rows of states, in their order.
    ///
    /// # Errors
    /// As [`Self::merge`].
    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef>;

    /// The states that rows of an earlier version's become, in their order: `states` has the
    /// columns that [`UserAggregate::formers`] names by that number. `group` says for a person
    /// whose state a row is.
    ///
    /// # Errors
    /// `Plugin` where a row cannot be converted, which is named.
    fn migrate(
        &mut self,
        former: usize,
        states: &RecordBatch,
        group: &dyn Fn(usize) -> String,
    ) -> Result<RecordBatch> {
        let _ = (former, states, group);
        Err(Error::internal(
            "an aggregate was given another one's states",
        ))
    }
}
