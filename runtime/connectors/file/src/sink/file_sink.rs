//! The sink: what is called when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Prepared, Recovery, Sink, SinkContext, SinkWriter, Wants, identity};
use azud_model::{Epoch, Error, Result};

use super::again::Again;
use super::keep::keep_committed;
use super::lock::Lock;
use super::paths::Paths;
use super::recover::recover;
use super::staged::{Finished, failed};
use super::writer::{Plan, Progress, Writer};
use super::{batches, table, table_again};
use crate::tokens::tokens;

pub(super) struct FileSink {
    context: SinkContext,
    pub(super) paths: Paths,
    plan: Plan,
    /// From the first call that needs the place until all is committed or rolled back.
    lock: Mutex<Option<Lock>>,
    /// Whether writers were asked for since the last `recover`.
    opened: tokio::sync::Mutex<bool>,
    /// What the checkpoint said.
    recovered: Mutex<Option<Recovered>>,
    /// How often it did: what is written since has names of its own.
    attempts: AtomicU64,
    progress: Vec<Arc<Mutex<Progress>>>,
}

/// What is to be known of a checkpoint.
#[derive(Clone, Debug)]
struct Recovered {
    run: String,
    /// The recorded epoch: its commit may be done already.
    last: Option<u64>,
    /// Whether that commit has been called.
    is_committed: bool,
    allow_reset: bool,
}

// === impl FileSink ===

impl FileSink {
    pub(super) fn new(context: SinkContext, paths: Paths, plan: Plan) -> Self {
        Self {
            paths,
            plan,
            lock: Mutex::default(),
            opened: tokio::sync::Mutex::default(),
            attempts: AtomicU64::new(0),
            recovered: Mutex::default(),
            progress: (0..context.lanes).map(|_| Arc::default()).collect(),
            context,
        }
    }

    fn is_batches(&self) -> bool {
        matches!(self.plan, Plan::Batches)
    }

    fn recovered(&self) -> MutexGuard<'_, Option<Recovered>> {
        self.recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) -> Option<String> {
        self.recovered().as_ref().map(|known| known.run.clone())
    }

    /// Takes the place for this run, unless it has it.
    fn lock(&self) -> Result<()> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            self.paths.check()?;
            *lock = Some(self.paths.lock()?);
        }
        Ok(())
    }

    /// Lets others in.
    fn unlock(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        *lock = None;
    }

    fn is_locked(&self) -> bool {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.is_some()
    }

    /// Makes the place ready for writers.
    fn open(&self) -> Result<()> {
        self.lock()?;
        let run = match self.recovered().as_ref() {
            Some(known) if known.last.is_some() && !known.is_committed => {
                return Err(Error::internal(
                    "file: the recorded epoch was not committed before the first writer",
                ));
            }
            Some(known) => Some(known.run.clone()),
            None if self.context.checkpointed => {
                return Err(Error::internal("file: nobody said what is recorded"));
            }
            None => None,
        };
        if run.is_none() {
            self.look()?;
        }
        self.paths
            .prepare(run.as_deref())
            .map_err(failed("write to", &self.paths.target))
    }

    /// What a run without a checkpoint may find.
    fn look(&self) -> Result<()> {
        self.paths.check_owner()?;
        match self.is_batches() {
            true => Ok(()),
            false => table::check(&self.paths, self.context.mode),
        }
    }

    /// Makes visible what was recorded last when the run before this one ended.
    async fn commit_again(
        &self,
        known: Recovered,
        epoch: Epoch,
        prepared: &[Prepared],
    ) -> Result<()> {
        let tokens = tokens(prepared)?;
        let (paths, mode) = (self.paths.clone(), self.context.mode);
        let (node, is_batches) = (self.context.node.clone(), self.is_batches());
        blocking(move || {
            let again = Again {
                node: &node,
                run: &known.run,
                epoch: epoch.number,
                tokens: &tokens,
                allow_reset: known.allow_reset,
            };
            match is_batches {
                true => batches::commit_again(&paths, &again, &epoch),
                false => table_again::commit(&paths, mode, &again),
            }
        })
        .await?;
        if let Some(known) = self.recovered().as_mut() {
            known.is_committed = true;
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for FileSink {
    fn wants(&self) -> Wants {
        Wants::Encoded
    }

    fn wants_empty_epochs(&self) -> bool {
        // A rolling file grows old without records too.
        matches!(self.plan, Plan::Batches | Plan::Rolling(_))
    }

    fn wants_ticks(&self) -> bool {
        matches!(self.plan, Plan::Rolling(_))
    }

    fn check(&self, _schema: &SchemaRef) -> Result<()> {
        self.paths.check()?;
        self.paths.check_lock()?;
        match self.context.checkpointed {
            // Whose output is there is known once the checkpoint is read.
            true => Ok(()),
            false => self.look(),
        }
    }

    fn target(&self) -> Option<String> {
        Some(match self.plan {
            Plan::Batches => format!("{}-*", identity(&self.paths.target).display()),
            Plan::Table | Plan::Rolling(_) => identity(&self.paths.target).display().to_string(),
        })
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        self.lock()?;
        *self.opened.lock().await = false;
        self.attempts.fetch_add(1, Ordering::Relaxed);
        for progress in &self.progress {
            *progress.lock().unwrap_or_else(PoisonError::into_inner) = Progress::default();
        }
        let last = recovery.last.as_ref();
        let tokens = tokens(last.map_or(&[], |last| last.prepared.as_slice()))?;
        let (paths, is_batches) = (self.paths.clone(), self.is_batches());
        let (node, given) = (self.context.node.clone(), recovery.clone());
        blocking(move || recover(&paths, is_batches, &node, &given, &tokens)).await?;
        *self.recovered() = Some(Recovered {
            run: recovery.run.clone(),
            last: last.map(|last| last.epoch.number),
            is_committed: false,
            allow_reset: recovery.allow_reset,
        });
        Ok(())
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let mut opened = self.opened.lock().await;
        if !*opened {
            self.open()?;
            *opened = true;
        }
        let recovered = self.recovered();
        let start = recovered.as_ref().map(|known| known.last);
        Ok(Box::new(Writer {
            lane,
            paths: self.paths.clone(),
            plan: self.plan.clone(),
            header: self.context.header.clone(),
            clock: self.context.clock.clone(),
            open: None,
            start: start.map(|last| {
                let attempt = self.attempts.load(Ordering::Relaxed);
                (last.map_or(0, |last| last + 1), attempt)
            }),
            files: 0,
            rows: 0,
            progress: self.progress.get(lane).cloned().unwrap_or_default(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let known = self.recovered().clone();
        if let Some(known) = known.filter(|known| known.last == Some(epoch.number)) {
            return self.commit_again(known, *epoch, &prepared).await;
        }
        let run = self.run();
        let mut files: Vec<Finished> = tokens(&prepared)?;
        files.retain(|file| !file.open);
        let (paths, mode, epoch) = (self.paths.clone(), self.context.mode, *epoch);
        let is_batches = self.is_batches();
        blocking(move || {
            let run = run.as_deref();
            match is_batches {
                true => batches::commit(&paths, run, &epoch, &files),
                false => table::commit(&paths, run, mode, epoch.number, &files),
            }?;
            match epoch.last {
                true => paths.clean(run).map_err(failed("clean", &paths.staging)),
                false => Ok(()),
            }
        })
        .await?;
        for progress in &self.progress {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.committed = progress.prepared.clone();
            progress.has_more = false;
        }
        if epoch.last {
            self.unlock();
        }
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        if !self.is_locked() {
            return Ok(());
        }
        // What is there before it was opened is another run's.
        if *self.opened.lock().await {
            let (paths, run) = (self.paths.clone(), self.run());
            let (mode, progress) = (self.context.mode, self.progress.clone());
            blocking(move || {
                let run = run.as_deref();
                keep_committed(&paths, run, mode, &progress)?;
                match run {
                    // Whether it is recorded is not known here: that is found out at the next start.
                    Some(_) => Ok(()),
                    None => paths.clean(run).map_err(failed("clean", &paths.staging)),
                }
            })
            .await?;
        }
        self.unlock();
        Ok(())
    }
}

/// Disks make wait.
async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("file").because(error))?
}
