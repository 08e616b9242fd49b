//! A sink plugin as an operator: offers rows until the plugin has taken or refused
//! each, and keeps what it accepted until that is durable.

mod end;
mod guest;
mod kept;
mod only;
mod patience;
#[cfg(test)]
mod tests;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{BooleanArray, UInt32Array};
use azud_connect::Prepared;
use azud_model::{Batch, Clock, Epoch, Error, Result};
use azud_operators::{Collector, Operator};
use azud_sandbox::{Flushed, GuestError, Outcome};

use super::waiting::Waiting;
pub(crate) use end::PluginSink;
pub(crate) use guest::Guest;
use kept::{KEPT_BYTES, KEPT_ROWS, Kept, OFFERED_BYTES};
pub(crate) use only::Only;
use patience::Patience;
pub(crate) use transactions::Handle;

/// How long rows wait for more before they are offered, unless `max_wait` says otherwise.
pub(crate) const SINK_WAIT: Duration = Duration::from_millis(100);

/// Runs a sink plugin in a lane.
pub(crate) struct SinkOperator {
    guest: Guest,
    max_rows: usize,
    waiting: Waiting,
    /// Accepted, not yet durable: a fresh instance is offered it again.
    kept: Kept,
    /// Whether the epoch has more rows than are kept: no instance could be offered all of
    /// them again. Only where nothing but the epoch's end makes them durable.
    overflowed: bool,
    /// Rows accepted in this epoch.
    accepted: u64,
    patience: Patience,
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
        guest: Guest,
        max_rows: usize,
        max_wait: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            guest,
            max_rows: max_rows.max(1),
            waiting: Waiting::new(max_wait, usize::MAX, clock.clone()),
            kept: Kept::default(),
            overflowed: false,
            accepted: 0,
            patience: Patience::new(node, clock),
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
        let pieces = batch.bytes().div_ceil(OFFERED_BYTES).max(1);
        (batch.rows() / pieces).max(1)
    }

    /// Offers rows until each is accepted or rejected.
    fn settle(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let mut rest = batch.clone();
        while let Offered::Unknown(error) = self.offer(&mut rest, Some(&mut *out))? {
            self.restore(&error)?;
            // Who does not answer may do so later, and the version before is another one; else
            // a trap comes again.
            let may_do = self.guest.has_gone_back() || matches!(error, GuestError::Timeout { .. });
            if !may_do {
                let digest = self.guest.digest();
                reject_all(&rest, &error.to_string(), digest, out)?;
                break;
            }
        }
        match self.kept.is_full() {
            true if self.is_transactional() => {
                self.kept.clear();
                self.overflowed = true;
                Ok(())
            }
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn is_transactional(&self) -> bool {
        matches!(self.guest, Guest::Transactional(_))
    }

    /// Keeps what was accepted until it is durable.
    fn keep(&mut self, batch: Batch) {
        self.accepted += batch.rows() as u64;
        if !self.overflowed {
            self.kept.push(batch);
        }
        self.patience.took();
    }

    /// Offers the rows of `rest` again and again, as the plugin asks; `rest` is
    /// always what is not yet settled. Without a collector the rows were accepted
    /// before: they are kept already, and cannot be rejected any more.
    fn offer(&mut self, rest: &mut Batch, mut out: Option<&mut dyn Collector>) -> Result<Offered> {
        loop {
            let outcome = match self.guest.write(rest.columns()) {
                Ok(outcome) => outcome,
                Err(error) => return self.patience.failed(error).map(Offered::Unknown),
            };
            if out.is_some() {
                self.patience.worked();
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
                    reject_all(rest, &reason, self.guest.digest(), out)?;
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
                        let row = rejected.row as usize;
                        reject(rest, row, rejected.reason, self.guest.digest(), *out)?;
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
                Ok(())
            }
            Some(error) => self.restore(&error),
        }
    }

    /// Asks one instance to flush; answers with the error that it failed with.
    fn try_flush(&mut self) -> Result<Option<GuestError>> {
        loop {
            match self.guest.flush() {
                Ok(Flushed::Done) => {
                    // An epoch with transactions has worked when it is prepared.
                    if !self.is_transactional() {
                        self.patience.worked();
                    }
                    return Ok(None);
                }
                Ok(Flushed::RetryAfter { after, reason }) => self.pause(after, &reason)?,
                Ok(Flushed::Failed(reason)) => return Err(self.lost(&reason)),
                Err(error) => return self.patience.failed(error).map(Some),
            }
        }
    }

    /// Seals what was written in the epoch; its token waits for the writer.
    fn prepare(&mut self, handle: &Handle, epoch: u64) -> Result<()> {
        let token = loop {
            if let Some(error) = self.try_flush()? {
                self.restore(&error)?;
                continue;
            }
            match handle.ask(move |transactions| transactions.prepare(epoch)) {
                Ok(Ok(token)) => break token,
                Ok(Err(reason)) => {
                    let what = format!("the plugin could not prepare epoch {epoch}: {reason}");
                    return Err(self.patience.abort(what));
                }
                Err(error) => {
                    let error = self.patience.failed(error)?;
                    self.restore(&error)?;
                }
            }
        };
        self.patience.worked();
        self.kept.clear();
        self.overflowed = false;
        let prepared = Prepared {
            rows: std::mem::take(&mut self.accepted),
            token,
            ..Prepared::default()
        };
        handle.put_prepared(epoch, prepared);
        Ok(())
    }

    /// What a failed instance had accepted and not made durable is offered to a fresh one.
    fn restore(&mut self, error: &GuestError) -> Result<()> {
        if let Some(error) = self.guest.taken_back() {
            return Err(error);
        }
        if self.overflowed {
            return Err(self.patience.abort(format!(
                "the plugin failed when it had taken more of an epoch than is kept to be \
                 offered again ({KEPT_ROWS} rows, {} MiB): {error}; let epochs be shorter",
                KEPT_BYTES >> 20
            )));
        }
        let line = format!("{error}; going on with a fresh instance");
        self.patience.tell(&line);
        self.kept.merge(self.max_rows)?;
        while let Some(error) = self.offer_kept()? {
            let line = format!("{error}, on rows that it had accepted before");
            self.patience.tell(&line);
        }
        Ok(())
    }

    /// Offers what is kept to one instance; answers with the error that it failed with.
    fn offer_kept(&mut self) -> Result<Option<GuestError>> {
        if self.is_transactional() {
            // One transaction: each instance is offered all of it.
            for mut rest in self.kept.batches.clone() {
                if let Offered::Unknown(error) = self.offer(&mut rest, None)? {
                    return Ok(Some(error));
                }
            }
            return Ok(None);
        }
        // Made durable piece by piece: one that fails now and then gets on.
        while let Some(mut rest) = self.kept.batches.front().cloned() {
            if let Offered::Unknown(error) = self.offer(&mut rest, None)? {
                return Ok(Some(error));
            }
            if let Some(error) = self.try_flush()? {
                return Ok(Some(error));
            }
            self.kept.batches.pop_front();
        }
        self.kept.clear();
        Ok(None)
    }

    /// Waits as long as the plugin asks for.
    fn pause(&mut self, after: Duration, reason: &str) -> Result<()> {
        let after = self.patience.pause(after, reason);
        let paused = self.guest.pause(after);
        paused.map_err(|error| self.patience.ended(&error))
    }

    /// Rows that were accepted are not durable, and never will be.
    fn lost(&self, reason: &str) -> Error {
        self.patience.abort(format!(
            "rows that the plugin had accepted could not be made durable: {reason}"
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

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.wake(out)?;
        match &self.guest {
            Guest::Transactional(handle) => {
                let handle = Arc::clone(handle);
                self.prepare(&handle, epoch.number)
            }
            Guest::Own(_) if self.kept.is_empty() => Ok(()),
            Guest::Own(_) => self.flush(),
        }?;
        self.guest.end_epoch(epoch.number)
    }
}

fn reject_all(
    batch: &Batch,
    reason: &str,
    digest: Option<&str>,
    out: &mut dyn Collector,
) -> Result<()> {
    (0..batch.rows()).try_for_each(|row| reject(batch, row, reason.to_owned(), digest, out))
}

fn reject(
    batch: &Batch,
    row: usize,
    reason: String,
    digest: Option<&str>,
    out: &mut dyn Collector,
) -> Result<()> {
    match digest {
        Some(digest) => out.reject_by(batch, row, reason, digest),
        None => out.reject(batch, row, reason),
    }
}
