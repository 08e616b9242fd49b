//! A transactional sink over a folder: JSON lines, one file an epoch.
//!
//! ```text
//! write    .tmp-<run>               appended to
//! prepare  .prepared-<run>-<epoch>  synced, then renamed: whole or not there
//! commit   part-<epoch>.json        renamed: the only name that counts
//! ```
//!
//! An epoch without rows leaves no file. The folder is one sink's. `journal` is a second
//! folder, where `calls.txt` has a line for each call, and what `misbehave` counts by.

mod folder;
mod misbehave;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use azud_plugin::{
    Batch, Error, Flushed, Identity, Input, JsonLines, Outcome, Result, Sink, TransactionalSink,
};
use misbehave::{Harm, Misbehave};
use serde::Deserialize;

/// How long "not now" is.
const LATER: Duration = Duration::from_millis(10);

/// The step's configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the parts go.
    folder: PathBuf,
    /// Where the calls are told.
    #[serde(default)]
    journal: Option<PathBuf>,
    /// What goes wrong.
    #[serde(default)]
    misbehave: Vec<Misbehave>,
}

struct Files {
    config: Config,
    json: JsonLines,
    /// Of whom `recover` told it.
    run: Option<String>,
    staged: Option<File>,
    /// Prepared, and neither committed nor aborted.
    prepared: Option<u64>,
    /// Whether something was written since the last flush.
    unflushed: bool,
    line: Vec<u8>,
}

azud_plugin::transactional_sink!(Files);

// === impl Files ===

impl Sink for Files {
    type Config = Config;

    fn open(config: Config, input: &Input) -> Result<Self> {
        Ok(Self {
            config,
            json: JsonLines::new(input)?,
            run: None,
            staged: None,
            prepared: None,
            unflushed: false,
            line: Vec::new(),
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let harm = self.tell("write", &format!("write {}", batch.rows()))?;
        if let Some(epoch) = self.prepared {
            panic!("write came before epoch {epoch} was committed");
        }
        if harm == Some(Harm::Retry) {
            return Ok(Outcome::retry_after(LATER, "busy"));
        }
        let path = self.staging()?;
        if self.staged.is_none() {
            self.staged = Some(File::create(path)?);
        }
        let rows = self.json.rows(batch)?;
        self.line.clear();
        for row in 0..batch.rows() {
            rows.object(row, &mut self.line);
            self.line.push(b'\n');
        }
        let staged = self
            .staged
            .as_mut()
            .ok_or(Error::new("nothing is staged"))?;
        // A trap leaves half of what it was given.
        let half = self.line.len() / 2;
        staged.write_all(&self.line[..half])?;
        if let Some(harm) = harm {
            return Err(harm.done("write"));
        }
        staged.write_all(&self.line[half..])?;
        self.unflushed = true;
        Ok(Outcome::Accepted)
    }

    fn flush(&mut self) -> Result<Flushed> {
        match self.tell("flush", "flush")? {
            Some(Harm::Retry) => return Ok(later()),
            Some(harm) => return Err(harm.done("flush")),
            None => {}
        }
        self.unflushed = false;
        Ok(Flushed::Done)
    }
}

impl TransactionalSink for Files {
    fn recover(&mut self, who: &Identity, last: Option<u64>) -> Result<Flushed> {
        let Identity { run, sink } = who;
        let last_word = last.map_or("none".into(), |last| last.to_string());
        let line = format!("recover run={run} sink={sink} last={last_word}");
        match self.tell("recover", &line)? {
            Some(Harm::Retry) => return Ok(later()),
            Some(harm) => return Err(harm.done("recover")),
            None => {}
        }
        folder::roll_back(&self.config.folder, run, last)?;
        self.run = Some(run.clone());
        Ok(Flushed::Done)
    }

    fn prepare(&mut self, epoch: u64) -> Result<Vec<u8>> {
        let harm = self.tell("prepare", &format!("prepare {epoch}"))?;
        if self.unflushed {
            panic!("prepare came without a flush");
        }
        let (from, run) = (self.staging()?, self.run()?.to_owned());
        if let Some(harm @ (Harm::Trap | Harm::Hang | Harm::Error)) = harm {
            return Err(harm.done("prepare"));
        }
        self.prepared = Some(epoch);
        let Some(staged) = self.staged.take() else {
            return Ok(Vec::new());
        };
        staged.sync_all()?;
        let name = folder::prepared(&run, epoch);
        folder::rename(&self.config.folder, &from, Path::new(&name))?;
        match harm {
            // After the work was done: nobody knows of what is there.
            Some(Harm::TrapAfter) => panic!("prepare trapped, as it was told, after its work"),
            Some(Harm::Token) => Ok(vec![b'x'; (1 << 20) + 1]),
            _ => Ok(name.into_bytes()),
        }
    }

    fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
        match self.tell("commit", &format!("commit {epoch}"))? {
            Some(Harm::Retry) => return Ok(later()),
            Some(Harm::TrapAfter) => {
                self.show(epoch, token)?;
                panic!("commit trapped, as it was told, after its work");
            }
            Some(harm) => return Err(harm.done("commit")),
            None => {}
        }
        self.show(epoch, token)?;
        self.prepared = None;
        Ok(Flushed::Done)
    }

    fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
        match self.tell("abort", &format!("abort {epoch}"))? {
            Some(Harm::Retry) => return Ok(later()),
            Some(harm) => return Err(harm.done("abort")),
            None => {}
        }
        self.prepared = None;
        if !token.is_empty() {
            folder::remove(&self.config.folder, &String::from_utf8(token.to_vec())?)?;
        }
        Ok(Flushed::Done)
    }
}

impl Files {
    /// Writes a call down; answers what goes wrong with it.
    fn tell(&self, call: &str, line: &str) -> Result<Option<Harm>> {
        let Some(journal) = &self.config.journal else {
            return Ok(None);
        };
        let count = misbehave::tell(journal, call, line)?;
        let mut told = self.config.misbehave.iter();
        Ok(told.find_map(|one| one.is_due(call, count)))
    }

    fn run(&self) -> Result<&str> {
        let run = self.run.as_deref();
        run.ok_or(Error::new("`recover` was not called first"))
    }

    fn staging(&self) -> Result<PathBuf> {
        let name = folder::staging(self.run()?);
        Ok(self.config.folder.join(name))
    }

    fn show(&self, epoch: u64, token: &[u8]) -> Result<()> {
        match token {
            [] => Ok(()),
            token => folder::show(
                &self.config.folder,
                &String::from_utf8(token.to_vec())?,
                &format!("part-{epoch}.json"),
            ),
        }
    }
}

fn later() -> Flushed {
    Flushed::retry_after(LATER, "busy")
}
