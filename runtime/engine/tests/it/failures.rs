//! Parts that fail: what is committed is whole, what is not is rolled back, and the run says why.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Output, Prepared, Read, Sink, SinkWriter, Source, SourceReader, Wants};
use azud_connector_memory::MemorySink;
use azud_model::{Epoch, Error, ErrorKind, Position, Result};

use crate::support::{plan, run, source};

const COPY: &str = "
name: copy
trigger: once
parallelism: 2
sources:
  in: { file: { path: . }, format: text }
sinks:
  out: { from: in, blackhole: {} }
";

/// Every third call of a writer or of the sink finds the other system away.
struct Flaky {
    sink: MemorySink,
    calls: Arc<AtomicU32>,
}

struct FlakyWriter {
    writer: Box<dyn SinkWriter>,
    calls: Arc<AtomicU32>,
}

fn is_away(calls: &AtomicU32) -> Result<()> {
    match calls.fetch_add(1, Ordering::Relaxed) % 3 {
        2 => Err(Error::unavailable("away")),
        _ => Ok(()),
    }
}

#[async_trait]
impl Sink for Flaky {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    async fn writer(&self, lane: usize, schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        is_away(&self.calls)?;
        Ok(Box::new(FlakyWriter {
            writer: self.sink.writer(lane, schema).await?,
            calls: self.calls.clone(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        is_away(&self.calls)?;
        self.sink.commit(epoch, prepared).await
    }
}

#[async_trait]
impl SinkWriter for FlakyWriter {
    async fn write(&mut self, output: Output) -> Result<()> {
        is_away(&self.calls)?;
        self.writer.write(output).await
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        is_away(&self.calls)?;
        self.writer.prepare(epoch).await
    }
}

#[test]
fn a_sink_that_is_away_now_and_then_gets_every_row_once() {
    let epochs: Vec<Vec<String>> = (0..3)
        .map(|epoch| (0..10).map(|row| format!("{epoch}-{row}")).collect())
        .collect();
    let sink = MemorySink::default();
    let flaky = Flaky {
        sink: sink.clone(),
        calls: Arc::default(),
    };
    run(plan(COPY, source(&epochs, 4), Arc::new(flaky))).unwrap();
    let expected: Vec<String> = epochs
        .concat()
        .iter()
        .map(|value| format!("{{\"value\":\"{value}\"}}"))
        .collect();
    assert_eq!(sink.rows(), expected);
}

/// Notes when it is told to roll back, and whether somebody wrote after that.
#[derive(Clone, Default)]
struct Watched {
    aborted: Arc<AtomicBool>,
    late: Arc<AtomicBool>,
    written: Arc<Mutex<usize>>,
}

struct WatchedWriter(Watched);

#[async_trait]
impl Sink for Watched {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    async fn writer(&self, _: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(WatchedWriter(self.clone())))
    }

    async fn commit(&self, _: &Epoch, _: Vec<Prepared>) -> Result<()> {
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        self.aborted.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for WatchedWriter {
    async fn write(&mut self, output: Output) -> Result<()> {
        // Slow, so that there is work left when the reader fails.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if self.0.aborted.load(Ordering::SeqCst) {
            self.0.late.store(true, Ordering::SeqCst);
        }
        if let (Output::Rows(batch), Ok(mut written)) = (output, self.0.written.lock()) {
            *written += batch.rows();
        }
        Ok(())
    }

    async fn prepare(&mut self, _: &Epoch) -> Result<Prepared> {
        Ok(Prepared::default())
    }
}

/// Gives records, and then does something else.
struct Broken {
    source: Arc<dyn Source>,
    then: fn() -> Result<Read>,
}

struct BrokenReader {
    reader: Box<dyn SourceReader>,
    then: fn() -> Result<Read>,
}

#[async_trait]
impl Source for Broken {
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let readers = self.source.open(resume).await?.into_iter();
        let broken = readers.map(|reader| {
            Box::new(BrokenReader {
                reader,
                then: self.then,
            }) as Box<dyn SourceReader>
        });
        Ok(broken.collect())
    }
}

#[async_trait]
impl SourceReader for BrokenReader {
    async fn next(&mut self) -> Result<Read> {
        match self.reader.next().await? {
            Read::Records(records) => Ok(Read::Records(records)),
            Read::EpochFull | Read::End => (self.then)(),
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.reader.positions()
    }
}

fn broken(then: fn() -> Result<Read>) -> (Watched, Result<()>) {
    let lines: Vec<String> = (0..8).map(|row| row.to_string()).collect();
    let broken = Broken {
        source: source(&[lines], 1),
        then,
    };
    let sink = Watched::default();
    let outcome = run(plan(COPY, Arc::new(broken), Arc::new(sink.clone())));
    (sink, outcome)
}

#[test]
fn a_run_that_fails_rolls_back_when_nobody_writes_any_more() {
    let (sink, outcome) = broken(|| Err(Error::invalid("the file is torn")));
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), "source `in`: the file is torn");
    assert!(sink.aborted.load(Ordering::SeqCst));
    assert!(!sink.late.load(Ordering::SeqCst), "it wrote after that");
}

#[test]
fn a_reader_that_panics_stops_the_run() {
    let (sink, outcome) = broken(|| panic!("a mistake"));
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("a mistake"), "{error}");
    assert!(sink.aborted.load(Ordering::SeqCst));
}

#[test]
fn a_source_that_is_closed_for_good_has_ended() {
    let (sink, outcome) = broken(|| Err(Error::closed("the server is no more")));
    outcome.unwrap();
    assert!(!sink.aborted.load(Ordering::SeqCst));
    assert_eq!(*sink.written.lock().unwrap(), 8);
}
