//! The sink: a writer a lane, one write to the screen an epoch.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Encoder, Format, Output, Prepared, Sink, SinkWriter, Wants, encoder};
use azud_model::{Epoch, Error, Result};

use crate::json::{Lines, Waiting};
use crate::options::{ConsoleOptions, Style};
use crate::pprint::pprint;
use crate::shown::Shown;
use crate::table::table;

/// Where everything is shown: the standard output, or a test's memory.
pub type Screen = Arc<Mutex<dyn Write + Send>>;

pub(crate) fn stdout() -> Screen {
    Arc::new(Mutex::new(std::io::stdout()))
}

/// Shows the rows of each epoch at its commit, in the order of the lanes.
pub struct Console {
    options: ConsoleOptions,
    screen: Screen,
    waiting: Arc<Waiting>,
}

struct Writer {
    lane: usize,
    schema: SchemaRef,
    options: ConsoleOptions,
    shown: Shown,
    json: Option<Json>,
}

struct Json {
    encoder: Box<dyn Encoder>,
    lines: Lines,
    waiting: Arc<Waiting>,
}

// === impl Console ===

impl Console {
    /// A console that writes to `screen`.
    pub fn new(options: &ConsoleOptions, screen: Screen) -> Self {
        Self {
            options: options.clone(),
            screen,
            waiting: Arc::default(),
        }
    }

    /// What an epoch shows, if it shows anything.
    fn text(&self, epoch: &Epoch, prepared: &[Prepared]) -> Result<Option<String>> {
        let mut shown = Shown::default();
        for lane in prepared {
            let lane = serde_json::from_slice(&lane.token).map_err(|error| {
                Error::internal("console: a token that is not ours").because(error)
            })?;
            shown.extend(lane);
        }
        let limit = self.options.shown();
        Ok(match self.options.style {
            Style::Json => None,
            Style::Pprint => Some(pprint(epoch.time_ms, &shown, limit)?),
            Style::Table if epoch.input_rows == 0 && shown.count == 0 => None,
            Style::Table => {
                let left_aligned = self.options.truncate.width().is_none();
                Some(table(epoch.number, &shown, limit, left_aligned))
            }
        })
    }
}

#[async_trait]
impl Sink for Console {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        Delivery::SpooledAtLeastOnce("what is printed cannot be taken back")
    }

    fn wants_empty_epochs(&self) -> bool {
        self.options.style == Style::Pprint
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        match self.options.style {
            Style::Json => encoder(Format::Json, schema).map(drop),
            Style::Table | Style::Pprint => Ok(()),
        }
    }

    async fn writer(&self, lane: usize, schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let json = match self.options.style {
            Style::Json => Some(Json {
                encoder: encoder(Format::Json, &schema)?,
                lines: Lines::default(),
                waiting: self.waiting.clone(),
            }),
            Style::Table | Style::Pprint => None,
        };
        Ok(Box::new(Writer {
            lane,
            shown: Shown::new(&schema),
            schema,
            options: self.options.clone(),
            json,
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let text = self.text(epoch, &prepared)?;
        let screen = self.screen.clone();
        let waiting = self.waiting.clone();
        let number = epoch.number;
        // A terminal can stop taking text for as long as it likes.
        let shown = tokio::task::spawn_blocking(move || {
            let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(text) = text {
                screen.write_all(text.as_bytes())?;
            }
            waiting.write(number, &mut *screen)?;
            screen.flush()
        });
        let shown = shown
            .await
            .map_err(|error| Error::internal("console").because(error))?;
        shown.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Error::closed("console: nobody reads the standard output"),
            // Some of it may have been shown: trying again would show it twice.
            _ => Error::invalid("console: cannot write to the standard output").because(error),
        })
    }

    async fn abort(&self) -> Result<()> {
        self.waiting.clear();
        Ok(())
    }
}

// === impl Writer ===

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        let Output::Rows(batch) = output else {
            return Err(Error::internal("console: it takes rows, and got bytes"));
        };
        let Some(json) = &mut self.json else {
            self.shown.add(batch.columns(), &self.options);
            return Ok(());
        };
        let mut bytes = Vec::new();
        json.encoder.encode(batch.columns(), &mut bytes)?;
        self.shown.count += batch.rows() as u64;
        json.lines.add(&bytes)
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        let shown = std::mem::replace(&mut self.shown, Shown::new(&self.schema));
        if let Some(json) = &mut self.json {
            json.waiting
                .put(epoch.number, self.lane, std::mem::take(&mut json.lines));
        }
        Ok(Prepared {
            lane: self.lane,
            rows: shown.count,
            token: serde_json::to_vec(&shown)
                .map_err(|error| Error::internal("console: a token").because(error))?,
        })
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
