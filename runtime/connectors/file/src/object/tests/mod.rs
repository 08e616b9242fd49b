mod conformance;
mod faults;
mod owners;
mod rules;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::datatypes::{Schema, SchemaRef};
use azud_connect::{Output, Prepared, Recorded, Recovery, Sink, SinkContext, SinkWriter};
use azud_model::{Epoch, ErrorKind, ManualClock, Mode, Result};
use azud_object::Bucket;

use self::store::{Fault, Store};
use super::place::Place;
use super::sink::ObjectSink;

const URL: &str = "s3://bucket/out";

fn context(lanes: usize, mode: Mode, checkpointed: bool) -> SinkContext {
    SinkContext {
        pipeline: "test".into(),
        node: "out".into(),
        directory: ".".into(),
        lanes,
        mode,
        format: "json".into(),
        header: Vec::new(),
        checkpointed,
        group: None,
        clock: Arc::new(ManualClock::at(0)),
    }
}

/// A sink over a store; parts have 8 bytes.
fn sink_of(store: &Store, context: SinkContext) -> ObjectSink {
    let bucket = Bucket::new(Arc::new(store.clone()), URL);
    let place = Place {
        part_bytes: 8,
        ..Place::new(bucket, &context.format)
    };
    ObjectSink::new(context, place)
}

fn sink(store: &Store, mode: Mode) -> ObjectSink {
    sink_of(store, context(2, mode, true))
}

fn schema() -> SchemaRef {
    Arc::new(Schema::empty())
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        time_ms: 1000 + number as i64 * 1000,
        input_rows: 1,
        last: false,
    }
}

/// A line a row.
fn output(text: &str) -> Output {
    Output::Encoded {
        rows: text.lines().count(),
        bytes: text.as_bytes().to_vec().into(),
    }
}

/// What lane `lane` writes in an epoch.
fn text(epoch: u64, lane: usize) -> String {
    (0..4)
        .map(|row| format!("{epoch}.{lane}.{row}\n"))
        .collect()
}

/// What is visible after epochs `..count`, in mode append.
fn expected(count: u64) -> BTreeMap<String, String> {
    let names = (0..count).flat_map(|epoch| [(epoch, 0), (epoch, 1)]);
    names
        .map(|(epoch, lane)| (format!("part-{epoch}-{lane}.json"), text(epoch, lane)))
        .collect()
}

/// As the engine does.
async fn again<T, F: Future<Output = Result<T>>>(mut call: impl FnMut() -> F) -> Result<T> {
    for _ in 0..20 {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tokio::task::yield_now().await;
            }
            done => return done,
        }
    }
    call().await
}

/// A checkpoint: what is recorded, and by which owner the next record may be.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<(u64, Option<Recorded>)>>);

impl Log {
    /// A start takes it: whoever had it records nothing more.
    fn open(&self, run: &str) -> Recovery {
        let mut log = self.0.lock().unwrap();
        log.0 += 1;
        Recovery {
            run: run.to_owned(),
            generation: log.0,
            epoch: log.1.as_ref().map(|last| last.epoch.number),
            last: log.1.clone(),
            allow_reset: false,
        }
    }

    fn record(&self, generation: u64, epoch: Epoch, prepared: &[Prepared]) -> bool {
        let mut log = self.0.lock().unwrap();
        let is_owner = log.0 == generation;
        if is_owner {
            let prepared = prepared.to_vec();
            log.1 = Some(Recorded { epoch, prepared });
        }
        is_owner
    }

    fn last(&self) -> Option<Recorded> {
        self.0.lock().unwrap().1.clone()
    }
}

/// A sink with its writers.
struct Open<'a> {
    sink: &'a ObjectSink,
    writers: Vec<Box<dyn SinkWriter>>,
}

impl<'a> Open<'a> {
    /// Recovers, commits again, opens writers.
    async fn new(sink: &'a ObjectSink, recovery: &Recovery) -> Result<Self> {
        again(|| sink.recover(recovery)).await?;
        if let Some(last) = &recovery.last {
            again(|| sink.commit(&last.epoch, last.prepared.clone())).await?;
        }
        Self::unrecovered(sink).await
    }

    async fn unrecovered(sink: &'a ObjectSink) -> Result<Self> {
        let mut writers = Vec::new();
        for lane in 0..2 {
            writers.push(again(|| sink.writer(lane, schema())).await?);
        }
        Ok(Self { sink, writers })
    }

    /// Writes an epoch's rows, in two calls a lane, and prepares.
    async fn prepare(&mut self, number: u64) -> Result<Vec<Prepared>> {
        let mut prepared = Vec::new();
        for (lane, writer) in self.writers.iter_mut().enumerate() {
            let text = text(number, lane);
            let (first, second) = text.split_at(text.len() / 2);
            for half in [first, second] {
                let mut tries = 0;
                while let Err(error) = writer.write(output(half)).await {
                    tries += 1;
                    if error.kind() != ErrorKind::Unavailable || tries > 20 {
                        return Err(error);
                    }
                }
            }
            let mut tries = 0;
            prepared.push(loop {
                match writer.prepare(&epoch(number)).await {
                    Ok(one) => break one,
                    Err(error) if error.kind() == ErrorKind::Unavailable && tries < 20 => {
                        tries += 1;
                    }
                    Err(error) => return Err(error),
                }
            });
        }
        Ok(prepared)
    }

    async fn commit(&self, number: u64, prepared: &[Prepared]) -> Result<()> {
        let epoch = epoch(number);
        again(|| self.sink.commit(&epoch, prepared.to_vec())).await
    }
}

/// A process: epochs up to `count`, each recorded; `Err` where it had to stop.
async fn process(store: &Store, log: &Log, mode: Mode, count: u64) -> Result<()> {
    let recovery = log.open("run-a");
    let sink = sink(store, mode);
    let mut open = Open::new(&sink, &recovery).await?;
    for number in recovery.epoch.map_or(0, |last| last + 1)..count {
        let prepared = open.prepare(number).await?;
        if !log.record(recovery.generation, epoch(number), &prepared) {
            return Err(azud_model::Error::invalid(
                "another run owns the checkpoint",
            ));
        }
        open.commit(number, &prepared).await?;
    }
    Ok(())
}

/// Nothing but what belongs to `count` epochs is there, hidden or not.
async fn assert_clean(store: &Store, mode: Mode, count: u64, what: &str) {
    let mut parts = expected(count);
    let mut lists: Vec<String> = (0..count).map(|one| format!("_azud/{one}.json")).collect();
    if mode == Mode::Complete {
        parts.retain(|name, _| name.starts_with(&format!("part-{}-", count - 1)));
        lists.drain(..lists.len() - 1);
    }
    assert_eq!(store.visible().await, parts, "{what}");
    let mut hidden = store.objects().await;
    hidden.retain(|name, _| name.starts_with("_azud/"));
    lists.push("_azud/owner.json".to_owned());
    lists.sort();
    assert_eq!(hidden.into_keys().collect::<Vec<_>>(), lists, "{what}");
    assert_eq!(store.uploads(), 0, "{what}: uploads that nobody completes");
}
