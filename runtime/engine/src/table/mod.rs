//! Tables: sources that do not stream. They are read whole, by whoever joins rows with them.

mod read;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azud_connect::{Backoff, FormatOptions, Source};
use azud_model::{Error, ErrorKind, Result};
use azud_operators::{StaticRows, TableVersion};
use tokio::runtime::Handle;

/// So often a table is looked for that is away: 3 seconds or so. Lanes wait meanwhile.
const TRIES: u32 = 5;

/// A table that still changes after so many reads is taken as the last one found it.
const READS: u32 = 3;

/// How long files that change while they are read are left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// A source whose rows are a table.
pub(crate) struct StaticTable {
    /// The node's name.
    name: Arc<str>,
    state: Mutex<State>,
}

struct State {
    source: Arc<dyn Source>,
    /// `None`: it makes typed columns itself.
    format: Option<FormatOptions>,
    /// Whether records that cannot be decoded are left out.
    drops: bool,
    /// Where it is read, once a run has begun.
    runtime: Option<Handle>,
    /// What was read last, and the source's word for it.
    read: Option<(String, TableVersion)>,
    /// The epoch that has come furthest, and the one before it.
    epochs: VecDeque<(u64, TableVersion)>,
}

// === impl StaticTable ===

impl StaticTable {
    pub(crate) fn new(
        name: &str,
        source: Arc<dyn Source>,
        format: Option<FormatOptions>,
        drops: bool,
    ) -> Self {
        Self {
            name: name.into(),
            state: Mutex::new(State {
                source,
                format,
                drops,
                runtime: None,
                read: None,
                epochs: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How its records become rows.
    pub(crate) fn format(&self) -> Option<FormatOptions> {
        self.with(|state| state.format.clone())
    }

    /// Reads elsewhere.
    pub(crate) fn replace(&self, source: Arc<dyn Source>) {
        self.with(|state| {
            state.format = state.format.take().filter(|_| source.schema().is_none());
            state.source = source;
        });
    }

    /// A run begins, or another attempt at it: its epochs are counted anew.
    pub(crate) fn begin(&self, runtime: &Handle) {
        self.with(|state| {
            state.runtime = Some(runtime.clone());
            state.epochs.clear();
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StaticRows for StaticTable {
    fn of_epoch(&self, epoch: u64) -> Result<TableVersion> {
        let found = self.with(|state| state.of_epoch(&self.name, epoch));
        found.map_err(|error| error.within(format!("table `{}`", self.name)))
    }
}

impl fmt::Debug for StaticTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticTable").field(&self.name).finish()
    }
}

// === impl State ===

impl State {
    fn of_epoch(&mut self, name: &str, epoch: u64) -> Result<TableVersion> {
        // A lane that is an epoch behind the others takes what that epoch had, or, if nobody
        // has asked in it, what the next one has.
        let known = self.epochs.iter().find(|(known, _)| *known >= epoch);
        if let Some((_, version)) = known {
            return Ok(version.clone());
        }
        let version = self.newest(name)?;
        while self.epochs.front().is_some_and(|(old, _)| old + 1 < epoch) {
            self.epochs.pop_front();
        }
        self.epochs.push_back((epoch, version.clone()));
        Ok(version)
    }

    /// Looks whether the source has changed, and reads it if it has.
    fn newest(&mut self, name: &str) -> Result<TableVersion> {
        let runtime = self.runtime.clone();
        let runtime = runtime.ok_or_else(|| Error::internal("no run of this pipeline goes on"))?;
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            tries += 1;
            match runtime.block_on(self.look(name)) {
                Err(error) if error.kind() == ErrorKind::Unavailable && tries < TRIES => {
                    let pause = backoff.pause();
                    let wait = pause.as_millis();
                    tracing::warn!("table `{name}`: {error}, trying again in {wait} ms");
                    runtime.block_on(async { tokio::time::sleep(pause).await });
                }
                done => return done,
            }
        }
    }

    async fn look(&mut self, name: &str) -> Result<TableVersion> {
        let mut word = self.word()?;
        if let Some((known, version)) = &self.read
            && *known == word
        {
            return Ok(version.clone());
        }
        let number = self.read.as_ref().map_or(0, |(_, last)| last.number + 1);
        let mut reads = 0;
        let rows = loop {
            reads += 1;
            let read = read::read(&*self.source, self.format.as_ref()).await;
            let now = self.word()?;
            // What is half of one version and half of another is none.
            if now == word || reads == READS {
                break read?;
            }
            word = now;
            tokio::time::sleep(PAUSE).await;
        };
        if let (Some(bad), false) = (rows.bad, self.drops) {
            return Err(bad);
        }
        let (count, dropped) = (rows.count, rows.dropped);
        if dropped > 0 {
            tracing::warn!("table `{name}`: {dropped} records cannot be read, and are left out");
        }
        tracing::info!("table `{name}`: {count} rows read");
        let rows = rows.batches.into();
        let version = TableVersion { number, rows };
        self.read = Some((word, version.clone()));
        Ok(version)
    }

    fn word(&self) -> Result<String> {
        let word = self.source.version()?;
        word.ok_or_else(|| Error::internal("its source cannot say whether it has changed"))
    }
}
