//! Stateless stages that run as one operator, and the search for the rows on which they fail.

use std::sync::Arc;

use arrow::compute::concat_batches;
use azud_model::{Batch, Result};
use datafusion_common::DataFusionError;

use crate::guard::guarded;
use crate::reason::reason;
use crate::{Collector, Operator, Rows, Sources, Stage};

/// No operator hands on more rows at once.
pub const MAX_ROWS: usize = 8192;

/// Filters, projections and unnests that run one after the other.
///
/// A batch is computed as a whole. Only when that fails is it halved until the
/// guilty rows are found: they are rejected, the others go on in their order.
/// A row counts as a whole: if one of the rows that it was exploded into
/// fails, none of them goes on, so that it can be repaired and sent again.
pub struct Chain {
    stages: Arc<[Arc<dyn Stage>]>,
    keep_origin: bool,
    /// It hands on so many rows at once.
    most: usize,
    /// It takes so many rows at once.
    takes: usize,
}

// === impl Chain ===

impl Chain {
    /// Rows pass the stages in the order given. Without `keep_origin` the rows
    /// that come out have none: cheaper before an aggregate, which drops it.
    pub fn new(stages: Arc<[Arc<dyn Stage>]>, keep_origin: bool) -> Self {
        let fan_out = stages.iter().map(|stage| stage.fan_out());
        let fan_out = fan_out.fold(1, usize::saturating_mul);
        Self {
            stages,
            keep_origin,
            most: MAX_ROWS,
            takes: match fan_out {
                0 | 1 => usize::MAX,
                many => (MAX_ROWS / many).max(1),
            },
        }
    }

    /// The same, but that what a batch becomes stays one batch: for a table, which is kept.
    pub(crate) fn whole(self) -> Self {
        Self {
            most: usize::MAX,
            takes: usize::MAX,
            ..self
        }
    }

    fn run(&self, batch: &Batch) -> Result<Rows, DataFusionError> {
        let rows = Rows {
            columns: batch.columns().clone(),
            sources: match self.keep_origin && batch.origin().is_some() {
                true => Sources::Same,
                false => Sources::Untracked,
            },
        };
        guarded(|| {
            self.stages
                .iter()
                .try_fold(rows, |rows, stage| stage.apply(rows))
        })
    }

    /// Runs rows `from .. from + length`, known to fail together, in halves.
    fn search(
        &self,
        batch: &Batch,
        from: usize,
        length: usize,
        failure: DataFusionError,
        good: &mut Vec<(usize, Rows)>,
        out: &mut dyn Collector,
    ) -> Result<()> {
        if length == 1 {
            return out.reject(batch, from, reason(&failure));
        }
        let half = length / 2;
        for (from, length) in [(from, half), (from + half, length - half)] {
            match self.run(&batch.slice(from, length)) {
                Ok(rows) => good.push((from, rows)),
                Err(failure) => self.search(batch, from, length, failure, good, out)?,
            }
        }
        Ok(())
    }

    fn take(&self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        let failure = match self.run(batch) {
            Ok(rows) => return self.emit(batch, rows, out),
            Err(failure) => failure,
        };
        let mut good = Vec::new();
        self.search(batch, 0, batch.rows(), failure, &mut good, out)?;
        match join(good)? {
            Some(rows) => self.emit(batch, rows, out),
            None => Ok(()),
        }
    }

    fn emit(&self, batch: &Batch, rows: Rows, out: &mut dyn Collector) -> Result<()> {
        let rows = match rows.sources {
            Sources::Untracked => Batch::without_origin(rows.columns),
            Sources::Same => batch.with_columns(rows.columns)?,
            Sources::Rows(sources) => Batch::new(rows.columns, batch.take_origin(&sources)?)?,
        };
        for from in (0..rows.rows()).step_by(self.most) {
            out.emit(0, rows.slice(from, self.most))?;
        }
        Ok(())
    }
}

impl Operator for Chain {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() <= self.takes {
            return self.take(&batch, out);
        }
        let mut pieces = (0..batch.rows()).step_by(self.takes);
        pieces.try_for_each(|from| self.take(&batch.slice(from, self.takes), out))
    }
}

/// Pieces of one batch as one again, each with the input row at which it starts.
fn join(pieces: Vec<(usize, Rows)>) -> Result<Option<Rows>> {
    let Some(schema) = pieces.first().map(|(_, rows)| rows.columns.schema()) else {
        return Ok(None);
    };
    let columns = concat_batches(&schema, pieces.iter().map(|(_, rows)| &rows.columns))?;
    let tracked = !pieces
        .iter()
        .any(|(_, rows)| matches!(rows.sources, Sources::Untracked));
    let sources = if tracked {
        let numbers = pieces.into_iter().flat_map(|(from, rows)| {
            let count = rows.columns.num_rows();
            let from = u32::try_from(from).unwrap_or(u32::MAX);
            match rows.sources.shift(from, count) {
                Sources::Rows(rows) => rows.values().to_vec(),
                Sources::Untracked | Sources::Same => Vec::new(),
            }
        });
        Sources::Rows(numbers.collect::<Vec<u32>>().into())
    } else {
        Sources::Untracked
    };
    Ok(Some(Rows { columns, sources }))
}
