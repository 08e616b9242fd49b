//! The way to a transactional plugin's thread, for the lane and for the coordinator.

use std::sync::{Arc, Mutex, PoisonError};

use azud_connect::Prepared;
use azud_model::{Clock, Error, Result};
use azud_sandbox::{CancellationToken, GuestError, Sink};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::Transactions;
use crate::telemetry::MeterCell;

/// What the thread is asked to do: with an answer, for whoever waits for it.
type Job = Box<dyn FnOnce(&mut Transactions) + Send>;

/// What the coordinator may ask for before the thread has come to it: it waits for each
/// answer, unless it is stopped meanwhile.
const CONTROLS: usize = 4;

/// Shared by the lane and the coordinator's end; the thread ends with the last of them.
pub(crate) struct Handle {
    node: Arc<str>,
    /// From the lane: rows and the ends of epochs. Between `prepare` and `commit` they wait.
    calls: mpsc::Sender<Job>,
    /// From the coordinator.
    controls: mpsc::Sender<Job>,
    /// Until something is asked for: who only checks a pipeline starts no thread.
    start: Mutex<Option<Start>>,
    /// Gives up the plugin's calls.
    cancel: CancellationToken,
    /// What the lane has prepared last, for its writer.
    prepared: Mutex<Option<(u64, Prepared)>>,
}

/// What the thread runs on.
struct Start {
    transactions: Transactions,
    calls: mpsc::Receiver<Job>,
    controls: mpsc::Receiver<Job>,
}

// === impl Handle ===

impl Handle {
    /// `sink` is an opened plugin, whose calls `cancel` gives up; they are counted where `meter` says.
    pub(crate) fn new(
        node: Arc<str>,
        sink: Sink,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
        meter: Arc<MeterCell>,
    ) -> Self {
        let (call_sender, calls) = mpsc::channel(1);
        let (control_sender, controls) = mpsc::channel(CONTROLS);
        let transactions = Transactions::new(node.clone(), sink, clock, cancel.clone(), meter);
        Self {
            node,
            calls: call_sender,
            controls: control_sender,
            start: Mutex::new(Some(Start {
                transactions,
                calls,
                controls,
            })),
            cancel,
            prepared: Mutex::new(None),
        }
    }

    /// Does something on the thread, for the lane: blocks.
    pub(in crate::plugin::sink) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Transactions) -> Result<T, GuestError> + Send + 'static,
    ) -> Result<T, GuestError> {
        self.start().map_err(|error| GuestError::Start {
            reason: error.to_string(),
        })?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |transactions| {
            let _ = reply.send(job(transactions));
        });
        let sent = self.calls.blocking_send(job);
        sent.map_err(|_| self.gone())?;
        answer.blocking_recv().map_err(|_| self.gone())?
    }

    /// Does something on the thread, for the coordinator.
    pub(in crate::plugin::sink) async fn control(
        &self,
        job: impl FnOnce(&mut Transactions) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.start()?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |transactions| {
            let _ = reply.send(job(transactions));
        });
        let gone = |error: GuestError| Error::internal(error.to_string());
        let sent = self.controls.send(job).await;
        sent.map_err(|_| gone(self.gone()))?;
        answer.await.map_err(|_| gone(self.gone()))?
    }

    /// Rolls back what is not recorded; what is under way is given up.
    pub(in crate::plugin::sink) async fn abort(&self) -> Result<()> {
        if self.is_new() {
            return Ok(());
        }
        self.cancel.cancel();
        self.control(Transactions::abort).await
    }

    /// The lane has prepared an epoch.
    pub(in crate::plugin::sink) fn put_prepared(&self, epoch: u64, prepared: Prepared) {
        *lock(&self.prepared) = Some((epoch, prepared));
    }

    /// What the lane has prepared: its end of the epoch came before this one.
    pub(in crate::plugin::sink) fn prepared(&self, epoch: u64) -> Result<Prepared> {
        let prepared = lock(&self.prepared).take();
        match prepared {
            Some((number, prepared)) if number == epoch => Ok(prepared),
            _ => Err(Error::internal(format!(
                "`{}` has not prepared epoch {epoch}",
                self.node
            ))),
        }
    }

    /// Whether the attempt that it served has ended.
    pub(in crate::plugin::sink) fn is_given_up(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// It ends with this handle only: before that, by a panic.
    fn gone(&self) -> GuestError {
        GuestError::Start {
            reason: format!(
                "the thread of `{}` has ended: this is a mistake in azud itself",
                self.node
            ),
        }
    }

    fn is_new(&self) -> bool {
        lock(&self.start).is_some()
    }

    fn start(&self) -> Result<()> {
        let Some(start) = lock(&self.start).take() else {
            return Ok(());
        };
        let failed = |error| {
            Error::internal(format!("cannot start the thread of `{}`", self.node)).because(error)
        };
        let cancel = self.cancel.clone();
        std::thread::Builder::new()
            .name(format!("azud-sink {}", self.node))
            .spawn(move || start.run(&cancel))
            .map_err(failed)?;
        Ok(())
    }
}

/// What the thread does next.
enum Next {
    Job(Job),
    /// The pipeline ends: who waits for a commit need not wait any longer.
    Cancelled,
    /// Nobody can ask for anything any more.
    Gone,
}

// === impl Start ===

impl Start {
    /// The thread.
    fn run(mut self, cancel: &CancellationToken) {
        // It waits for channels only, so it needs no driver. Without it whoever asks for
        // something is told that the thread has ended.
        let Ok(waits) = Builder::new_current_thread().build() else {
            return;
        };
        let mut ended = false;
        loop {
            // Not within the runtime: the plugin's calls are waited for on another one.
            match waits.block_on(self.next(cancel, ended)) {
                Next::Job(job) => job(&mut self.transactions),
                Next::Cancelled => ended = true,
                Next::Gone => return,
            }
        }
    }

    async fn next(&mut self, cancel: &CancellationToken, ended: bool) -> Next {
        let takes_calls = ended || !self.transactions.waits_for_commit();
        let job = tokio::select! {
            biased;
            job = self.controls.recv() => job,
            job = self.calls.recv(), if takes_calls => job,
            () = cancel.cancelled(), if !ended => return Next::Cancelled,
        };
        job.map_or(Next::Gone, Next::Job)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
