//! The spool: output of sinks that cannot find again what they have prepared.
//!
//! What such a sink is given lies in the checkpoint until the epoch is recorded, and
//! only then goes to the sink itself, all of it: written, prepared and committed in one
//! go, in the running process and after a crash by the same code. Whether the sink has
//! it already is for the sink to know, by the run's id and the epoch's number.

use std::slice;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Delivery, Output, Prepared, Recorded, Recovery, Sink, SinkWriter, Wants, fault_point,
};
use azud_model::{Epoch, Error, Result};
use azud_state::Storage;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

use crate::run::Retry;

use super::recent::Recent;
use super::spool_part::{decode, encode, size};

const FOLDER: &str = "spool";

/// What the mark of an epoch has between the sink's name and its number.
const PASSED: &str = ".passed.";

/// Bytes of a part, about: what is held in memory before it is written.
const PART: usize = 8 << 20;

/// A sink behind a spool.
pub(crate) struct Spooled {
    /// The node's name.
    name: String,
    sink: Arc<dyn Sink>,
    schema: SchemaRef,
    storage: Arc<dyn Storage>,
    recent: Recent,
    /// What the names of this run's parts start with.
    run: String,
    /// The sink's own writer, one for all lanes: an epoch is one transaction.
    writer: Mutex<Option<Box<dyn SinkWriter>>>,
    /// Removes what was passed on before.
    removing: Mutex<Option<JoinHandle<()>>>,
    /// The epoch that the last mark is of.
    marked: Mutex<Option<u64>>,
}

/// Writes a lane's output to the spool.
struct Writer {
    prefix: String,
    lane: usize,
    storage: Arc<dyn Storage>,
    recent: Recent,
    /// What is not written yet, and its bytes.
    waiting: Vec<Output>,
    bytes: usize,
    rows: u64,
    /// The part that is being written while rows come.
    under_way: Option<UnderWay>,
    /// Parts of the epoch, and how many there were of all epochs.
    parts: Vec<Part>,
    written: u64,
}

/// A part that is being written.
struct UnderWay {
    part: Part,
    bytes: Bytes,
    done: JoinHandle<Result<()>>,
}

/// An object with some of an epoch's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    name: String,
    xxh3: String,
}

// === impl Spooled ===

impl Spooled {
    /// A sink of rows of that schema. `run` is this process's: epochs from its first one
    /// on, of its generation.
    pub(crate) fn new(
        name: &str,
        sink: Arc<dyn Sink>,
        schema: SchemaRef,
        storage: Arc<dyn Storage>,
        run: &str,
    ) -> Self {
        Self {
            run: run.to_owned(),
            name: name.to_owned(),
            sink,
            schema,
            storage,
            recent: Recent::default(),
            writer: Mutex::new(None),
            removing: Mutex::new(None),
            marked: Mutex::new(None),
        }
    }

    /// Gives the sink what was spooled for an epoch.
    async fn pass_on(&self, epoch: &Epoch, parts: &[Part]) -> Result<()> {
        let mut writer = self.writer.lock().await;
        let mut own = match writer.take() {
            Some(own) => own,
            None => self.sink.writer(0, self.schema.clone()).await?,
        };
        let mut parts = parts.iter();
        let mut next = self.read_next(&mut parts).await?;
        while let Some(bytes) = next {
            let outputs = decode(&bytes)?;
            let giving = async {
                for output in outputs {
                    own.write(output).await?;
                }
                Ok::<_, Error>(())
            };
            // Both to their ends: what a sink is being given cannot be taken back.
            let (given, read) = tokio::join!(giving, self.read_next(&mut parts));
            given?;
            next = read?;
        }
        let prepared = own.prepare(epoch).await?;
        fault_point("after-spool");
        self.sink.commit(epoch, vec![prepared]).await?;
        *writer = Some(own);
        Ok(())
    }

    /// Removes what nobody needs any more, beside everything else: large files take their
    /// time. `waits`: until they are gone. What cannot be removed now is when the pipeline starts
    /// again.
    async fn remove(&self, names: Vec<String>, waits: bool) {
        let mut removing = self.removing.lock().await;
        if let Some(before) = removing.take() {
            let _ = before.await;
        }
        let storage = self.storage.clone();
        let removal = tokio::spawn(async move {
            for name in names {
                if let Err(error) = storage.delete(&name).await {
                    tracing::warn!("the spool keeps what was passed on: {error}");
                }
            }
        });
        match waits {
            true => drop(removal.await),
            false => *removing = Some(removal),
        }
    }

    /// Whether the sink has committed that epoch: written before its parts are removed.
    async fn is_passed_on(&self, epoch: &Epoch) -> Result<bool> {
        if self
            .storage
            .get(&self.passed(epoch.number))
            .await?
            .is_some()
        {
            return Ok(true);
        }
        // As checkpoints had it at first: one mark, with the number of its epoch.
        let first = format!("{FOLDER}/{}.passed", self.name);
        let passed = self.storage.get(&first).await?;
        Ok(passed.is_some_and(|passed| passed == format!("{}\n", epoch.number)))
    }

    /// Is there once an epoch was passed on, with the generation of who did. One for each: of two
    /// runs the one that has lost the checkpoint may still write its own.
    fn passed(&self, epoch: u64) -> String {
        format!("{FOLDER}/{}{PASSED}{epoch}", self.name)
    }

    /// Whether no later owner has written that mark.
    async fn is_past(&self, mark: &str) -> Result<bool> {
        let written = self.storage.get(mark).await?.unwrap_or_default();
        let digits = std::str::from_utf8(&written).unwrap_or_default();
        Ok(digits.parse().unwrap_or(0) <= generation(&self.run))
    }

    async fn read_next(&self, parts: &mut slice::Iter<'_, Part>) -> Result<Option<Bytes>> {
        match parts.next() {
            Some(part) => self.read(part).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&self, part: &Part) -> Result<Bytes> {
        if let Some(bytes) = self.recent.take(&part.name) {
            return Ok(bytes);
        }
        let place = self.storage.place(&part.name);
        let damaged = |why: &str| {
            Error::invalid(format!(
                "the spooled output `{place}` {why}: restore it from a copy of the checkpoint"
            ))
        };
        let bytes = self.storage.get(&part.name).await?;
        let bytes = bytes.ok_or_else(|| damaged("is gone"))?;
        match checksum(&bytes) == part.xxh3 {
            true => Ok(bytes),
            false => Err(damaged("is damaged")),
        }
    }
}

#[async_trait]
impl Sink for Spooled {
    fn wants(&self) -> Wants {
        self.sink.wants()
    }

    fn wants_empty_epochs(&self) -> bool {
        self.sink.wants_empty_epochs()
    }

    fn wants_ticks(&self) -> bool {
        self.sink.wants_ticks()
    }

    fn target(&self) -> Option<String> {
        self.sink.target()
    }

    fn delivery(&self) -> Delivery {
        self.sink.delivery()
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        let recorded = recovery.last.as_ref();
        let own = Recovery {
            last: recorded.map(|recorded| Recorded {
                epoch: recorded.epoch,
                prepared: Vec::new(),
            }),
            ..recovery.clone()
        };
        self.sink.recover(&own).await?;
        // What was spooled for an epoch that never was.
        let kept = recorded.map_or(Ok(Vec::new()), |recorded| parts(&recorded.prepared))?;
        let marks = format!("{}{PASSED}", self.name);
        // A later owner of the checkpoint may be at work already: what is its own stays.
        for listed in self.storage.list(FOLDER).await? {
            let name = format!("{FOLDER}/{}", listed.name);
            if let Some(epoch) = listed.name.strip_prefix(&marks) {
                let recorded = recorded.map(|recorded| recorded.epoch.number);
                if recorded.is_some_and(|recorded| recorded.to_string() == epoch) {
                    *self.marked.lock().await = recorded;
                } else if self.is_past(&name).await? {
                    self.storage.delete(&name).await?;
                }
                continue;
            }
            let is_own = sink(&listed.name) == Some(&self.name);
            let is_past = generation(&listed.name) <= generation(&self.run);
            if is_own && is_past && !kept.iter().any(|part| part.name == name) {
                self.storage.delete(&name).await?;
            }
        }
        Ok(())
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer {
            prefix: format!("{FOLDER}/{}-{}-{lane}", self.run, self.name),
            lane,
            storage: self.storage.clone(),
            recent: self.recent.clone(),
            waiting: Vec::new(),
            bytes: 0,
            rows: 0,
            under_way: None,
            parts: Vec::new(),
            written: 0,
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let parts = parts(&prepared)?;
        if self.is_passed_on(epoch).await? {
            tracing::debug!("sink `{}` has epoch {} already", self.name, epoch.number);
        } else {
            if let Err(error) = self.pass_on(epoch, &parts).await {
                // The next attempt gives all of it again, to a writer that knows of nothing.
                if let Err(error) = self.sink.abort().await {
                    tracing::warn!("sink `{}` could not roll back: {error}", self.name);
                }
                return Err(error);
            }
            let mut retry = Retry::new("the checkpoint");
            let passed = self.passed(epoch.number);
            let mark = Bytes::from(generation(&self.run).to_string());
            // The sink has it: another attempt must not give it again.
            while let Err(error) = self.storage.put(&passed, mark.clone()).await {
                retry.after(error).await?;
            }
        }
        let mut names: Vec<String> = parts.into_iter().map(|part| part.name).collect();
        let before = self.marked.lock().await.replace(epoch.number);
        let before = before.filter(|before| *before != epoch.number);
        names.extend(before.map(|before| self.passed(before)));
        self.remove(names, epoch.last).await;
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        self.recent.clear();
        self.sink.abort().await
    }
}

// === impl Writer ===

impl Writer {
    /// Begins to write what waits, once the part before is written.
    async fn flush(&mut self) -> Result<()> {
        self.settle().await?;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(encode(&self.waiting, self.bytes)?);
        let part = Part {
            name: format!("{}-{}", self.prefix, self.written),
            xxh3: checksum(&bytes),
        };
        self.written += 1;
        self.bytes = 0;
        self.waiting.clear();
        self.begin(part, bytes);
        Ok(())
    }

    fn begin(&mut self, part: Part, bytes: Bytes) {
        let (storage, name, given) = (self.storage.clone(), part.name.clone(), bytes.clone());
        let done = tokio::spawn(async move { storage.put(&name, given).await });
        self.under_way = Some(UnderWay { part, bytes, done });
    }

    /// Waits until the part that is under way is written.
    ///
    /// # Errors
    /// Those of the storage; the part is then being written once more.
    async fn settle(&mut self) -> Result<()> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        let UnderWay { part, bytes, done } = under_way;
        let written = done.await;
        let written = written.map_err(|error| Error::internal("a write").because(error));
        if let Err(error) = written.and_then(|written| written) {
            self.begin(part, bytes);
            return Err(error);
        }
        self.recent.keep(&part.name, &bytes);
        self.parts.push(part);
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        // Before it is taken: with an error it is given again.
        if self.bytes >= PART {
            self.flush().await?;
        }
        self.bytes += size(&output);
        self.rows += match &output {
            Output::Rows(batch) => batch.rows() as u64,
            Output::Encoded { rows, .. } => *rows as u64,
        };
        self.waiting.push(output);
        Ok(())
    }

    async fn prepare(&mut self, _epoch: &Epoch) -> Result<Prepared> {
        self.flush().await?;
        self.settle().await?;
        let parts = std::mem::take(&mut self.parts);
        let token = serde_json::to_vec(&parts);
        Ok(Prepared {
            lane: self.lane,
            rows: std::mem::take(&mut self.rows),
            token: token.map_err(|error| Error::internal("a token").because(error))?,
        })
    }
}

fn parts(prepared: &[Prepared]) -> Result<Vec<Part>> {
    let mut all = Vec::new();
    for lane in prepared {
        let parts: Vec<Part> = serde_json::from_slice(&lane.token).map_err(|error| {
            Error::invalid("what was recorded of a spool is not what a spool records")
                .because(error)
        })?;
        all.extend(parts);
    }
    Ok(all)
}

/// The sink in the name of a part:
/// `<first epoch>.<attempt>-<generation>-<sink>-<lane>-<number>`.
fn sink(part: &str) -> Option<&str> {
    part.splitn(3, '-').nth(2)?.rsplitn(3, '-').nth(2)
}

/// The generation in the name of a run or of its parts: `<first epoch>-<generation>-...`.
fn generation(name: &str) -> u64 {
    let generation = name.split('-').nth(1);
    generation.map_or(0, |digits| digits.parse().unwrap_or(0))
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}
