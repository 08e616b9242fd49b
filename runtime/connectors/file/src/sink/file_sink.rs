//! The sink: what is called when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Delivery, Prepared, ReadBack, Recovery, Sink, SinkContext, SinkWriter, Wants, identity,
};
use azud_model::{Epoch, Error, Result};

use super::again::Again;
use super::keep::keep_committed;
use super::lock::Lock;
use super::paths::Paths;
use super::read_back::read_back;
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
    attempt: Mutex<Attempt>,
}

/// What is known from one `recover` to the next.
struct Attempt {
    /// How often there was one: what is written since has names of its own.
    number: u64,
    /// What the checkpoint said, where there is one.
    recovered: Option<Recovered>,
    /// Whether writers were asked for.
    is_opened: bool,
    /// By lane.
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
            attempt: Mutex::new(Attempt::new(0, context.lanes)),
            context,
        }
    }

    fn is_batches(&self) -> bool {
        matches!(self.plan, Plan::Batches)
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        lock(&self.attempt)
    }

    /// Takes the place for this run, unless it has it.
    fn lock(&self) -> Result<()> {
        let mut lock = lock(&self.lock);
        if lock.is_none() {
            self.paths.check()?;
            *lock = Some(self.paths.lock()?);
        }
        Ok(())
    }

    /// Lets others in.
    fn unlock(&self) {
        *lock(&self.lock) = None;
    }

    fn is_locked(&self) -> bool {
        lock(&self.lock).is_some()
    }

    /// Makes the place ready for writers.
    fn open(&self, recovered: Option<&Recovered>) -> Result<()> {
        self.lock()?;
        let run = match recovered {
            Some(known) if known.last.is_some() && !known.is_committed => {
                return Err(Error::internal(
                    "file: the recorded epoch was not committed before the first writer",
                ));
            }
            Some(known) => Some(known.run.as_str()),
            None if self.context.checkpointed => {
                return Err(Error::internal("file: nobody said what is recorded"));
            }
            None => None,
        };
        if run.is_none() {
            self.look()?;
        }
        self.paths
            .prepare(run)
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
        if let Some(known) = &mut self.attempt().recovered {
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
        match self.context.checkpointed {
            // Whose output is there is known once the checkpoint is read, and a run that
            // has it is to be named before the place that it has too.
            true => Ok(()),
            false => {
                self.paths.check_lock()?;
                self.look()
            }
        }
    }

    fn read_back(&self, schema: &SchemaRef) -> Result<Option<ReadBack>> {
        read_back(&self.context, &self.paths.given, self.is_batches(), schema)
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
        {
            let mut attempt = self.attempt();
            *attempt = Attempt::new(attempt.number + 1, self.context.lanes);
        }
        let last = recovery.last.as_ref();
        let tokens = tokens(last.map_or(&[], |last| last.prepared.as_slice()))?;
        let (paths, is_batches) = (self.paths.clone(), self.is_batches());
        let (node, given) = (self.context.node.clone(), recovery.clone());
        blocking(move || recover(&paths, is_batches, &node, &given, &tokens)).await?;
        self.attempt().recovered = Some(Recovered {
            run: recovery.run.clone(),
            last: last.map(|last| last.epoch.number),
            is_committed: false,
            allow_reset: recovery.allow_reset,
        });
        Ok(())
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let mut attempt = self.attempt();
        if !attempt.is_opened {
            self.open(attempt.recovered.as_ref())?;
            attempt.is_opened = true;
        }
        let start = attempt.recovered.as_ref().map(|known| known.last);
        Ok(Box::new(Writer {
            lane,
            paths: self.paths.clone(),
            plan: self.plan.clone(),
            header: self.context.header.clone(),
            clock: self.context.clock.clone(),
            open: None,
            start: start.map(|last| (last.map_or(0, |last| last + 1), attempt.number)),
            files: 0,
            rows: 0,
            progress: attempt.progress.get(lane).cloned().unwrap_or_default(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let recovered = self.attempt().recovered.clone();
        let run = match recovered {
            Some(known) if known.last == Some(epoch.number) => {
                return self.commit_again(known, *epoch, &prepared).await;
            }
            known => known.map(|known| known.run),
        };
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
        for progress in &self.attempt().progress {
            let mut progress = lock(progress);
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
        let opened = {
            let attempt = self.attempt();
            let run = attempt.recovered.as_ref().map(|known| known.run.clone());
            // What is there before it was opened is another run's.
            attempt.is_opened.then(|| (run, attempt.progress.clone()))
        };
        if let Some((run, progress)) = opened {
            let (paths, mode) = (self.paths.clone(), self.context.mode);
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

// === impl Attempt ===

impl Attempt {
    fn new(number: u64, lanes: usize) -> Self {
        Self {
            number,
            recovered: None,
            is_opened: false,
            progress: (0..lanes).map(|_| Arc::default()).collect(),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Disks make wait.
async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("file").because(error))?
}
