//! A sink plugin as an operator: offers rows until the plugin has taken or refused
//! each, and keeps what it accepted until that is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, BooleanArray, UInt32Array};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Output, Prepared, Sink as ConnectorSink, SinkWriter, Wants};
use azud_model::{Batch, Clock, Epoch, Error, Result};
use azud_operators::{Collector, Operator};
use azud_sandbox::{Flushed, GuestError, Outcome, Sink};

use super::waiting::Waiting;

/// How long rows wait for more before they are offered, unless `max_wait` says otherwise.
pub(crate) const SINK_WAIT: Duration = Duration::from_millis(100);

/// Rows and bytes that were accepted and not flushed: beyond these the plugin is
/// asked to flush before the epoch ends.
const KEPT_ROWS: usize = 1 << 16;
const KEPT_BYTES: usize = 16 << 20;

/// Bytes of a call.
const OFFERED_BYTES: usize = 4 << 20;

/// Between two lines of the log.
const SILENCE: Duration = Duration::from_secs(1);

/// Calls in a row that trap or do not answer, before the pipeline stops.
const BREAKER: u32 = 8;

/// The least and the most that is waited before rows are offered again.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_secs(3_600);

/// Runs a sink plugin in a lane.
pub(crate) struct SinkOperator {
    node: Arc<str>,
    sink: Sink,
    max_rows: usize,
    waiting: Waiting,
    /// Accepted, not yet durable: a fresh instance is offered it again.
    kept: VecDeque<Batch>,
    kept_rows: usize,
    kept_bytes: usize,
    failures: u32,
    pauses: u32,
    clock: Arc<dyn Clock>,
    /// When a line was told last, and how many were not since.
    told: Option<Duration>,
    untold: u64,
}

/// What became of an offer.
enum Offered {
    /// Every row was accepted or rejected.
    Settled,
    /// The call failed: nothing is known of any row.
    Unknown(GuestError),
}

// === impl SinkOperator ===

impl SinkOperator {
    pub(crate) fn new(
        node: Arc<str>,
        sink: Sink,
        max_rows: usize,
        max_wait: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            node,
            sink,
            max_rows: max_rows.max(1),
            waiting: Waiting::new(max_wait, clock.clone()),
            kept: VecDeque::new(),
            kept_rows: 0,
            kept_bytes: 0,
            failures: 0,
            pauses: 0,
            clock,
            told: None,
            untold: 0,
        }
    }

    /// Offers rows in as many calls as `max_rows` asks for.
    fn cut(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let mut first = 0;
        while first < batch.rows() {
            let rows = self.fitting(&batch.slice(first, self.max_rows));
            self.settle(&batch.slice(first, rows), out)?;
            first += rows;
        }
        Ok(())
    }

    /// How many of these rows a call is given: wide ones would not fit into the
    /// plugin's memory, and that would be held against all of them.
    fn fitting(&self, batch: &Batch) -> usize {
        let pieces = bytes(batch).div_ceil(OFFERED_BYTES).max(1);
        (batch.rows() / pieces).max(1)
    }

    /// Offers rows until each is accepted or rejected.
    fn settle(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let mut rest = batch.clone();
        while let Offered::Unknown(error) = self.offer(&mut rest, Some(&mut *out))? {
            self.restore(&error)?;
            // Who does not answer may do so later; a trap comes again.
            if !matches!(error, GuestError::Timeout { .. }) {
                reject_all(&rest, &error.to_string(), out)?;
                break;
            }
        }
        match self.kept_rows >= KEPT_ROWS || self.kept_bytes >= KEPT_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Keeps what was accepted until it is flushed.
    fn keep(&mut self, batch: Batch) {
        self.kept_rows += batch.rows();
        self.kept_bytes += bytes(&batch);
        self.kept.push_back(batch);
        self.pauses = 0;
    }

    /// Offers the rows of `rest` again and again, as the plugin asks; `rest` is
    /// always what is not yet settled. Without a collector the rows were accepted
    /// before: they are kept already, and cannot be rejected any more.
    fn offer(&mut self, rest: &mut Batch, mut out: Option<&mut dyn Collector>) -> Result<Offered> {
        loop {
            let outcome = match self.sink.write(rest.columns()) {
                Ok(outcome) => outcome,
                Err(error) => return self.unknown(error),
            };
            if out.is_some() {
                self.failures = 0;
            }
            match outcome {
                Outcome::Accepted => {
                    if out.is_some() {
                        self.keep(rest.clone());
                    }
                    return Ok(Offered::Settled);
                }
                Outcome::Failed(reason) => {
                    let Some(out) = out else {
                        return Err(self.lost(&reason));
                    };
                    reject_all(rest, &reason, out)?;
                    return Ok(Offered::Settled);
                }
                Outcome::RetryAfter { after, reason } => self.pause(after, &reason)?,
                Outcome::Partial {
                    rejected,
                    retry,
                    after,
                } => {
                    let mut accepted = vec![true; rest.rows()];
                    let named = rejected.iter().map(|rejected| rejected.row);
                    for row in named.chain(retry.iter().copied()) {
                        if let Some(accepted) = accepted.get_mut(row as usize) {
                            *accepted = false;
                        }
                    }
                    for rejected in rejected {
                        let Some(out) = &mut out else {
                            return Err(self.lost(&rejected.reason));
                        };
                        out.reject(rest, rejected.row as usize, rejected.reason)?;
                    }
                    let accepted = rest.filter(&BooleanArray::from(accepted))?;
                    if out.is_some() && accepted.rows() > 0 {
                        self.keep(accepted);
                    }
                    let (again, all) = (retry.len(), rest.rows());
                    *rest = rest.take(&UInt32Array::from(retry))?;
                    if again == 0 {
                        return Ok(Offered::Settled);
                    }
                    self.pause(after, &format!("{again} of {all} rows were not taken"))?;
                }
            }
        }
    }

    /// Makes everything accepted durable.
    fn flush(&mut self) -> Result<()> {
        match self.try_flush()? {
            None => {
                self.kept.clear();
                (self.kept_rows, self.kept_bytes) = (0, 0);
                Ok(())
            }
            Some(error) => self.restore(&error),
        }
    }

    /// Asks one instance to flush; answers with the error that it failed with.
    fn try_flush(&mut self) -> Result<Option<GuestError>> {
        loop {
            match self.sink.flush() {
                Ok(Flushed::Done) => {
                    self.failures = 0;
                    return Ok(None);
                }
                Ok(Flushed::RetryAfter { after, reason }) => self.pause(after, &reason)?,
                Ok(Flushed::Failed(reason)) => return Err(self.lost(&reason)),
                Err(error) => match self.unknown(error)? {
                    Offered::Unknown(error) => return Ok(Some(error)),
                    Offered::Settled => {}
                },
            }
        }
    }

    /// What a failed instance had accepted and not flushed is offered to a fresh one,
    /// and made durable piece by piece: one that fails now and then gets on.
    fn restore(&mut self, error: &GuestError) -> Result<()> {
        self.tell(&format!("{error}; going on with a fresh instance"));
        self.kept = merged(&self.kept, self.max_rows)?;
        while let Some(error) = self.offer_kept()? {
            self.tell(&format!("{error}, on rows that it had accepted before"));
        }
        (self.kept_rows, self.kept_bytes) = (0, 0);
        Ok(())
    }

    /// Offers what is kept to one instance; answers with the error that it failed with.
    fn offer_kept(&mut self) -> Result<Option<GuestError>> {
        while let Some(mut rest) = self.kept.front().cloned() {
            if let Offered::Unknown(error) = self.offer(&mut rest, None)? {
                return Ok(Some(error));
            }
            if let Some(error) = self.try_flush()? {
                return Ok(Some(error));
            }
            self.kept.pop_front();
        }
        Ok(None)
    }

    /// A line for the log: one a second, as a plugin's own lines have a limit too.
    fn tell(&mut self, line: &str) {
        let now = self.clock.elapsed();
        let due = self.told.is_none_or(|told| now >= told + SILENCE);
        if !due {
            self.untold += 1;
            return;
        }
        self.told = Some(now);
        let node = &self.node;
        match std::mem::take(&mut self.untold) {
            0 => tracing::warn!("node `{node}`: {line}"),
            untold => tracing::warn!("node `{node}`: {line} ({untold} such lines left out)"),
        }
    }

    /// Counts a call that failed; too many in a row end the pipeline.
    fn unknown(&mut self, error: GuestError) -> Result<Offered> {
        let node = &self.node;
        match error {
            GuestError::Cancelled => {
                return Err(Error::closed(format!("node `{node}`: {error}")));
            }
            GuestError::Input { .. } | GuestError::Refused(_) | GuestError::Start { .. } => {
                return Err(Error::plugin(format!("node `{node}`: {error}")));
            }
            _ => {}
        }
        self.failures += 1;
        if self.failures >= BREAKER {
            return Err(Error::plugin(format!(
                "node `{node}`: the plugin failed {BREAKER} times in a row, the last time: {error}"
            )));
        }
        Ok(Offered::Unknown(error))
    }

    /// Waits as long as the plugin asks for, and says so now and then.
    fn pause(&mut self, after: Duration, reason: &str) -> Result<()> {
        self.pauses += 1;
        let after = after.clamp(LEAST_PAUSE, MOST_PAUSE);
        if self.pauses.is_power_of_two() {
            self.tell(&format!(
                "{reason}, trying again in {} ms",
                after.as_millis()
            ));
        }
        let paused = self.sink.pause(after);
        let node = &self.node;
        paused.map_err(|error| Error::closed(format!("node `{node}`: {error}")))
    }

    /// Rows that were accepted are not durable, and never will be.
    fn lost(&self, reason: &str) -> Error {
        let node = &self.node;
        Error::plugin(format!(
            "node `{node}`: rows that the plugin had accepted could not be made durable: {reason}"
        ))
    }
}

impl Operator for SinkOperator {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let ready = self.waiting.add(batch, self.max_rows)?;
        ready.iter().try_for_each(|batch| self.cut(batch, out))
    }

    fn wake_in(&self) -> Option<Duration> {
        self.waiting.wake_in()
    }

    fn wake(&mut self, out: &mut dyn Collector) -> Result<()> {
        match self.waiting.take()? {
            Some(batch) => self.cut(&batch, out),
            None => Ok(()),
        }
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.wake(out)?;
        match self.kept.is_empty() {
            true => Ok(()),
            false => self.flush(),
        }
    }
}

/// The same rows in the same order, in as few batches as calls need: a plugin that
/// is given a row a call would else be asked to flush for each of them.
fn merged(kept: &VecDeque<Batch>, max_rows: usize) -> Result<VecDeque<Batch>> {
    let mut merged: VecDeque<Batch> = VecDeque::new();
    let mut run: Vec<Batch> = Vec::new();
    let (mut rows, mut size) = (0, 0);
    for batch in kept.iter().map(Some).chain([None]) {
        let fits = batch.is_some_and(|batch| {
            rows + batch.rows() <= max_rows && size + bytes(batch) <= OFFERED_BYTES
        });
        if !fits {
            let pieces = std::mem::take(&mut run);
            match Batch::concat(&pieces)? {
                Some(whole) => merged.push_back(whole),
                // Of several partitions.
                None => merged.extend(pieces),
            }
            (rows, size) = (0, 0);
        }
        if let Some(batch) = batch {
            rows += batch.rows();
            size += bytes(batch);
            run.push(batch.clone());
        }
    }
    Ok(merged)
}

/// What the rows of a batch take, and not the buffers that they share with others.
fn bytes(batch: &Batch) -> usize {
    let columns = batch.columns().columns().iter();
    let sizes = columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or_default());
    sizes.sum()
}

fn reject_all(batch: &Batch, reason: &str, out: &mut dyn Collector) -> Result<()> {
    (0..batch.rows()).try_for_each(|row| out.reject(batch, row, reason.to_owned()))
}

/// The end of a sink plugin's epochs: what it was given was flushed in its lanes,
/// before the epoch's end came here.
pub(crate) struct PluginSink;

#[async_trait]
impl ConnectorSink for PluginSink {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    async fn writer(&self, lane: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(PluginWriter { lane }))
    }

    async fn commit(&self, _: &Epoch, _: Vec<Prepared>) -> Result<()> {
        Ok(())
    }
}

struct PluginWriter {
    lane: usize,
}

#[async_trait]
impl SinkWriter for PluginWriter {
    async fn write(&mut self, _: Output) -> Result<()> {
        Err(Error::internal("a sink plugin's rows came to its end"))
    }

    async fn prepare(&mut self, _: &Epoch) -> Result<Prepared> {
        Ok(Prepared {
            lane: self.lane,
            ..Prepared::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray as _, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;

    fn batch(values: &[i64]) -> Batch {
        let values = Arc::new(Int64Array::from(values.to_vec())) as _;
        Batch::without_origin(RecordBatch::try_from_iter([("n", values)]).unwrap())
    }

    #[test]
    fn kept_rows_are_merged_up_to_a_call_and_stay_in_order() {
        let kept = [&[1][..], &[2], &[3, 4], &[5], &[6, 7, 8], &[9]];
        let kept = kept.into_iter().map(batch).collect();
        let values = |batch: &Batch| {
            let column = batch.columns().column(0).as_primitive::<Int64Type>();
            column.values().to_vec()
        };
        let merged = merged(&kept, 3).unwrap();
        let merged: Vec<_> = merged.iter().map(values).collect();
        assert_eq!(merged, [vec![1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
        assert!(super::merged(&VecDeque::new(), 3).unwrap().is_empty());
    }
}
