//! From options to a sink.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Prepared, Sink, SinkContext, SinkWriter, Wants};
use azud_model::{Epoch, Error, Mode, Result};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::paths::Paths;
use super::staged::failed;
use super::writer::{Plan, Progress, Writer, finished};
use super::{batches, table};
use crate::{FileSinkOptions, Layout};

struct FileSink {
    context: SinkContext,
    paths: Paths,
    plan: Plan,
    opened: OnceCell<()>,
    progress: Vec<Arc<Mutex<Progress>>>,
}

pub(crate) fn make(options: Value, context: SinkContext) -> Result<Arc<dyn Sink>> {
    let options: FileSinkOptions = azud_connect::options(options)?;
    let format = context.format.as_deref().unwrap_or("text");
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
    fn open(&self) -> Result<()> {
        self.check()?;
        self.paths
            .prepare()
            .map_err(failed("write to", &self.paths.target))
    }

    /// Makes visible what a rolling file holds of committed epochs: the rest
    /// belongs to an epoch that never was.
    fn keep_committed(&self) -> Result<()> {
        for progress in &self.progress {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((number, file)) = progress.committed.take() else {
                continue;
            };
            let staged = self.paths.staging.join(&file.staged);
            let cut = std::fs::File::options()
                .write(true)
                .open(&staged)
                .and_then(|open| open.set_len(file.bytes).and_then(|()| open.sync_all()));
            cut.map_err(failed("cut", &staged))?;
            let epoch = Epoch {
                number,
                time_ms: 0,
                input_rows: 0,
                last: true,
            };
            table::commit(&self.paths, self.context.mode, &epoch, &[file])?;
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
        matches!(self.plan, Plan::Batches)
    }

    fn check(&self) -> Result<()> {
        self.paths.check()?;
        match self.plan {
            Plan::Batches => Ok(()),
            Plan::Table | Plan::Rolling(_) => table::check(&self.paths, self.context.mode),
        }
    }

    fn target(&self) -> Option<String> {
        Some(self.paths.identity())
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
        let (paths, mode, time) = (self.paths.clone(), self.context.mode, *epoch);
        let is_batches = matches!(self.plan, Plan::Batches);
        let committed = tokio::task::spawn_blocking(move || match is_batches {
            true => batches::commit(&paths, &time, &files),
            false => table::commit(&paths, mode, &time, &files),
        });
        committed
            .await
            .map_err(|error| Error::internal("file").because(error))??;
        for progress in &self.progress {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.committed = progress.prepared.clone();
        }
        if epoch.last {
            self.paths
                .clean()
                .map_err(failed("clean", &self.paths.staging))?;
        }
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        self.keep_committed()?;
        self.paths
            .clean()
            .map_err(failed("clean", &self.paths.staging))
    }
}
