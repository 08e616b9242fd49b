//! From options to a sink.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Prepared, Sink, SinkContext, SinkWriter, Wants};
use azud_model::{Epoch, Error, Mode, Result};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::keep::keep_committed;
use super::lock::Lock;
use super::paths::Paths;
use super::staged::failed;
use super::writer::{Plan, Progress, Writer, finished};
use super::{batches, table};
use crate::identity::identity;
use crate::{FileSinkOptions, Layout};

struct FileSink {
    context: SinkContext,
    paths: Paths,
    plan: Plan,
    /// Once the first writer was asked for.
    opened: OnceCell<Lock>,
    progress: Vec<Arc<Mutex<Progress>>>,
}

pub(crate) fn make(options: Value, context: SinkContext) -> Result<Arc<dyn Sink>> {
    let options: FileSinkOptions = azud_connect::options(options)?;
    let format = context.format.as_str();
    let layout = options.layout.unwrap_or(match format {
        "json" | "csv" | "avro" => Layout::Table,
        _ => Layout::Batches,
    });
    check(&options, layout, context.mode).map_err(Error::invalid)?;
    let extension = match format {
        "text" => "txt",
        "raw" => "bin",
        other => other,
    };
    let directory = &context.directory;
    Ok(Arc::new(FileSink {
        paths: match layout {
            Layout::Batches => Paths::of_batches(&options.path, directory, extension),
            Layout::Table | Layout::Rolling => Paths::of_table(&options.path, directory, extension),
        },
        plan: match layout {
            Layout::Batches => Plan::Batches,
            Layout::Table => Plan::Table,
            Layout::Rolling => Plan::Rolling(options.roll.unwrap_or_default()),
        },
        opened: OnceCell::new(),
        progress: (0..context.lanes).map(|_| Arc::default()).collect(),
        context,
    }))
}

fn check(options: &FileSinkOptions, layout: Layout, mode: Mode) -> Result<(), String> {
    if options.roll.is_some() && layout != Layout::Rolling {
        return Err("`roll` belongs to `layout: rolling`".to_owned());
    }
    match (layout, mode) {
        (Layout::Table | Layout::Rolling, Mode::Update) => Err(
            "with mode update a changed row would stand beside its old self in the files: use \
             `mode: complete`, or `layout: batches`, which keeps each epoch apart"
                .to_owned(),
        ),
        (Layout::Rolling, Mode::Complete) => Err(
            "with mode complete a rolling file would hold the whole result again and again: use \
             `layout: table`"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

// === impl FileSink ===

impl FileSink {
    /// Takes the place for this run, and makes it ready.
    fn open(&self) -> Result<Lock> {
        self.paths.check()?;
        let lock = self.paths.lock()?;
        self.look()?;
        self.paths
            .prepare()
            .map_err(failed("write to", &self.paths.target))?;
        Ok(lock)
    }

    fn look(&self) -> Result<()> {
        match self.plan {
            Plan::Batches => Ok(()),
            Plan::Table | Plan::Rolling(_) => table::check(&self.paths, self.context.mode),
        }
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
        self.look()
    }

    fn target(&self) -> Option<String> {
        Some(match self.plan {
            Plan::Batches => format!("{}-*", identity(&self.paths.target)),
            Plan::Table | Plan::Rolling(_) => identity(&self.paths.target),
        })
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        self.opened
            .get_or_try_init(|| async { self.open() })
            .await?;
        Ok(Box::new(Writer {
            lane,
            paths: self.paths.clone(),
            plan: self.plan.clone(),
            header: self.context.header.clone(),
            clock: self.context.clock.clone(),
            open: None,
            files: 0,
            rows: 0,
            progress: self.progress.get(lane).cloned().unwrap_or_default(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let files = finished(&prepared)?;
        let (paths, mode, epoch) = (self.paths.clone(), self.context.mode, *epoch);
        let is_batches = matches!(self.plan, Plan::Batches);
        blocking(move || {
            match is_batches {
                true => batches::commit(&paths, &epoch, &files),
                false => table::commit(&paths, mode, epoch.number, &files),
            }?;
            match epoch.last {
                true => paths.clean().map_err(failed("clean", &paths.staging)),
                false => Ok(()),
            }
        })
        .await?;
        for progress in &self.progress {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.committed = progress.prepared.clone();
        }
        if epoch.last
            && let Some(lock) = self.opened.get()
        {
            lock.release();
        }
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        // What is there before it was opened is another run's.
        let Some(lock) = self.opened.get() else {
            return Ok(());
        };
        let (paths, mode, progress) =
            (self.paths.clone(), self.context.mode, self.progress.clone());
        blocking(move || {
            keep_committed(&paths, mode, &progress)?;
            paths.clean().map_err(failed("clean", &paths.staging))
        })
        .await?;
        lock.release();
        Ok(())
    }
}

/// Disks make wait.
async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("file").because(error))?
}
