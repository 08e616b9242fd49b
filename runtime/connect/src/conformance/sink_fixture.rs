//! What a connector tells the kit of its sink.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use azud_model::{Batch, Result};

use crate::{Output, Sink, VALUE, Wants};

/// The system that a sink writes to, in the hands of the kit. A row of the kit is a
/// number, in one column: `id bigint`, not null.
#[async_trait]
pub trait SinkFixture: Send {
    /// What it promises beside [`Sink::delivery`]. Asked before each case.
    fn promises(&self) -> SinkPromises;

    /// A system without rows, as nobody has seen it before. Called first in every round
    /// of a case, with no sink open.
    ///
    /// # Errors
    /// Fail the case, as those of all other calls do.
    async fn reset(&mut self) -> Result<()>;

    /// Makes a sink over the system as it is, as a process that starts does. Only one is
    /// open at a time; `recover` is always called, as with a checkpoint.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn make(&mut self, lanes: usize) -> Result<Arc<dyn Sink>>;

    /// All rows that a reader of the system sees now, in any order; `None` if nobody can.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn visible(&mut self) -> Result<Option<Vec<i64>>>;

    /// The columns that its writers are told: those of [`Self::output`].
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]))
    }

    /// Rows in the shape that the sink wants. Encoded ones are a number a line, unless
    /// the fixture says otherwise.
    ///
    /// # Errors
    /// See [`Self::reset`].
    fn output(&self, wants: Wants, rows: &[i64]) -> Result<Output> {
        match wants {
            Wants::Rows => {
                let ids = Arc::new(Int64Array::from(rows.to_vec()));
                let columns = RecordBatch::try_new(self.schema(), vec![ids])?;
                Ok(Output::Rows(Batch::without_origin(columns)))
            }
            Wants::Records => {
                let values = BinaryArray::from_iter_values(rows.iter().map(i64::to_string));
                let columns = RecordBatch::try_from_iter([(VALUE, Arc::new(values) as ArrayRef)])?;
                Ok(Output::Rows(Batch::without_origin(columns)))
            }
            Wants::Encoded => {
                let lines: String = rows.iter().map(|id| format!("{id}\n")).collect();
                Ok(Output::Encoded {
                    rows: rows.len(),
                    bytes: lines.into(),
                })
            }
        }
    }

    /// The system is away at the next call of that kind, and there again at the one after
    /// it; `false` if that cannot be done.
    ///
    /// # Errors
    /// See [`Self::reset`].
    async fn fail_next(&mut self, call: SinkCall) -> Result<bool> {
        let _ = call;
        Ok(false)
    }
}

/// A call that a system which is away makes fail with `Unavailable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkCall {
    /// [`crate::SinkWriter::write`].
    Write,
    /// [`crate::SinkWriter::prepare`].
    Prepare,
    /// [`Sink::commit`].
    Commit,
}

/// Which cases a sink can be asked for. [`Default`] is what one that is exactly once can.
#[derive(Clone, Copy, Debug)]
pub struct SinkPromises {
    /// Nothing is visible before its commit.
    pub hides: bool,
    /// A commit that is called again in the same process shows nothing twice.
    pub commits_once: bool,
    /// Another run's output, and that of a later epoch, is refused, and put aside where
    /// that is allowed.
    pub refuses: bool,
    /// What is put aside nobody sees any more. Not so of a log that only grows: it is passed
    /// over, and what follows is written behind it.
    pub puts_aside: bool,
    /// An `abort` does not touch an epoch that was prepared before it and may be recorded:
    /// that is found out at the next start.
    pub aborts_unrecorded: bool,
    /// Mode complete: what is visible is the last epoch's rows alone.
    pub replaces: bool,
    /// What is committed may become visible later: at the latest when a run that comes
    /// back has committed its recorded epoch again (a rolling file). Where later output is
    /// put aside, what it shares a file with may go too.
    pub lags: bool,
    /// How many rounds a random case has.
    pub seeds: u64,
}

// === impl SinkPromises ===

impl Default for SinkPromises {
    fn default() -> Self {
        Self {
            hides: true,
            commits_once: true,
            refuses: true,
            puts_aside: true,
            aborts_unrecorded: false,
            replaces: false,
            lags: false,
            seeds: 10,
        }
    }
}
