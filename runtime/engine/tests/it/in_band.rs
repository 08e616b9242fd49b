//! Watermarks within epochs: with trigger `continuous` windows close between two rows, and the
//! slowest partition says when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Delivery, OpenList, OpenPartitions, Output, Prepared, Read, Records, SimulatedDisk, Sink,
    SinkWriter, Source, SourceReader, Wants,
};
use azud_connector_memory::{MemorySink, MemorySource, records};
use azud_model::{Epoch, Partition, Position, Result};

use crate::storage::storage;
use crate::support::{plan, run};

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;

fn manifest(parallelism: usize, checkpoint: &str) -> String {
    format!(
        "
name: in-band
trigger: continuous
parallelism: {parallelism}
{checkpoint}
sources:
  in:
    file: {{ path: . }}
    format: json
    schema: {{ ts: timestamp(us), p: bigint }}
    time: {{ column: ts }}
transforms:
  counts: {{ sql: \"SELECT window.start AS start, count(*) AS n FROM `in` GROUP BY window(ts, '10 seconds')\" }}
sinks:
  out: {{ from: counts, blackhole: {{}} }}
"
    )
}

fn rows(partition: usize, first: u64, times: &[i64]) -> Records {
    let lines: Vec<String> = times
        .iter()
        .map(|time| format!("{{\"ts\":{time},\"p\":{partition}}}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    records("in", &partition.to_string(), first, &lines)
}

/// Keeps what is written, at once.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Sink for Seen {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce("it takes what it gets")
    }

    async fn writer(&self, _: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(self.clone()))
    }

    async fn commit(&self, _: &Epoch, _: Vec<Prepared>) -> Result<()> {
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for Seen {
    async fn write(&mut self, output: Output) -> Result<()> {
        if let Output::Rows(batch) = output {
            let rows = (0..batch.rows()).map(|row| azud_connect::row_json(batch.columns(), row));
            let rows = rows.map(|row| String::from_utf8(row).unwrap());
            self.0.lock().unwrap().extend(rows);
        }
        Ok(())
    }

    async fn prepare(&mut self, _: &Epoch) -> Result<Prepared> {
        Ok(Prepared::default())
    }
}

/// Gives rows, waits until the sink has seen a window, and ends.
struct Waits {
    given: VecDeque<Records>,
    seen: Seen,
}

struct WaitsSource(Seen);

#[async_trait]
impl Source for WaitsSource {
    async fn open(&self, _: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let given = [rows(0, 0, &[SECOND]), rows(0, 1, &[25 * SECOND])];
        Ok(vec![Box::new(Waits {
            given: given.into(),
            seen: self.0.clone(),
        })])
    }
}

#[async_trait]
impl SourceReader for Waits {
    async fn next(&mut self) -> Result<Read> {
        if let Some(records) = self.given.pop_front() {
            return Ok(Read::Records(records));
        }
        for _ in 0..3_000 {
            if !self.seen.0.lock().unwrap().is_empty() {
                return Ok(Read::End);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no window was closed within the epoch");
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}

#[test]
fn a_window_is_given_before_its_epoch_ends() {
    for parallelism in [1, 3] {
        let seen = Seen::default();
        // No epoch ends before the source does.
        let manifest = manifest(parallelism, "checkpoint: { to: ./nowhere, every: 1h }");
        let source = Arc::new(WaitsSource(seen.clone()));
        let plan = plan(&manifest, source, Arc::new(seen.clone()));
        run(plan.with_checkpoint(storage(&SimulatedDisk::new()))).unwrap();
        assert_eq!(
            *seen.0.lock().unwrap(),
            [
                r#"{"start":"1970-01-01T00:00:00Z","n":1}"#,
                r#"{"start":"1970-01-01T00:00:20Z","n":1}"#
            ]
        );
    }
}

/// Partitions whose rows are in order, and which are far from each other.
#[derive(Clone)]
struct Skewed {
    seed: u64,
    readers: usize,
}

struct SkewedReader {
    random: fastrand::Rng,
    /// Of each partition its number, the time of its next row, and how many are left.
    partitions: Vec<(usize, i64, u64)>,
    open: OpenList,
}

const PARTITIONS: usize = 4;
const ROWS: u64 = 2_000;

fn name(partition: usize) -> Arc<Partition> {
    Arc::new(Partition {
        source: "in".to_owned(),
        name: partition.to_string(),
    })
}

#[async_trait]
impl Source for Skewed {
    async fn open(&self, _: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let readers = (0..self.readers).map(|reader| {
            let own = (0..PARTITIONS).filter(|number| number % self.readers == reader);
            let partitions: Vec<_> = own.map(|number| (number, 0, ROWS)).collect();
            let open = OpenList::default();
            for (number, _, _) in &partitions {
                open.add(&name(*number));
            }
            Box::new(SkewedReader {
                random: fastrand::Rng::with_seed(self.seed + reader as u64),
                partitions,
                open,
            }) as Box<dyn SourceReader>
        });
        Ok(readers.collect())
    }
}

#[async_trait]
impl SourceReader for SkewedReader {
    async fn next(&mut self) -> Result<Read> {
        tokio::time::sleep(Duration::from_millis(self.random.u64(0..20))).await;
        self.partitions.retain(|(_, _, left)| *left > 0);
        if self.partitions.is_empty() {
            return Ok(Read::End);
        }
        // The first one is read ten times as often.
        let place = match self.random.u64(0..10) {
            0 => self.random.usize(0..self.partitions.len()),
            _ => 0,
        };
        let (number, time, left) = &mut self.partitions[place];
        let count = self.random.u64(1..=60).min(*left);
        let times = (0..count).map(|_| {
            *time += self.random.i64(0..SECOND / 10);
            *time
        });
        let times: Vec<i64> = times.collect();
        let first = ROWS - *left;
        *left -= count;
        if *left == 0 {
            self.open.remove(&name(*number));
        }
        Ok(Read::Records(rows(*number, first, &times)))
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn positions(&self) -> Vec<Position> {
        let partitions = self.partitions.iter();
        let positions = partitions.map(|(number, _, left)| Position {
            partition: name(*number),
            next: (ROWS - left).to_string(),
        });
        positions.collect()
    }
}

/// Partitions in order, however far from each other: no row is late, and each window is given once.
#[test]
fn partitions_that_are_in_order_have_no_late_rows() {
    let runs = (0..6_u64).map(|seed| {
        std::thread::spawn(move || {
            let source = Skewed {
                seed: seed * 31,
                readers: 1 + usize::try_from(seed).unwrap() % 3,
            };
            let lanes = 1 + usize::try_from(seed).unwrap() / 2;
            let sink = MemorySink::default();
            let plan = plan(
                &manifest(lanes, ""),
                Arc::new(source.clone()),
                Arc::new(sink.clone()),
            );
            run(plan).unwrap();
            let mut windows = BTreeMap::new();
            for row in sink.rows() {
                let row: serde_json::Value = serde_json::from_str(&row).unwrap();
                let start = row["start"].as_str().unwrap().to_owned();
                let again = windows.insert(start.clone(), row["n"].as_u64().unwrap());
                assert_eq!(again, None, "seed {seed}: {start} twice");
            }
            let all: u64 = windows.values().sum();
            assert_eq!(all, PARTITIONS as u64 * ROWS, "seed {seed}: rows were late");
        })
    });
    let runs: Vec<_> = runs.collect();
    for run in runs {
        run.join().unwrap();
    }
}

/// What a sink of mode complete keeps does not stop the windows of one of mode append.
#[test]
fn windows_go_on_beside_a_sink_that_is_given_all() {
    let text = manifest(2, "").replace("continuous", "once")
        + "  all: { from: counts, blackhole: {}, mode: complete }\n";
    let epochs = [1, 12, 25, 47].map(|second| vec![rows(0, second as u64, &[second * SECOND])]);
    let sink = MemorySink::default();
    let source = Arc::new(MemorySource::new(epochs));
    run(plan(&text, source, Arc::new(sink.clone()))).unwrap();
    let mut rows = sink.rows();
    rows.sort();
    let row = |start: &str| format!("{{\"start\":\"1970-01-01T00:00:{start}Z\",\"n\":1}}");
    assert_eq!(rows, ["00", "10", "20", "40"].map(row));
}

/// Takes longer for its records than from one watermark to the next.
struct Slow {
    left: usize,
}

#[async_trait]
impl Source for Slow {
    async fn open(&self, _: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        Ok(vec![Box::new(Self { left: self.left })])
    }
}

#[async_trait]
impl SourceReader for Slow {
    async fn next(&mut self) -> Result<Read> {
        if self.left == 0 {
            return Ok(Read::End);
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.left -= 1;
        Ok(Read::Records(rows(0, self.left as u64, &[SECOND])))
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}

/// A look at its partitions does not begin a reader's wait anew. (An epoch's end does.)
#[test]
fn a_reader_that_takes_long_is_not_interrupted() {
    let sink = MemorySink::default();
    let text = manifest(1, "checkpoint: { to: ./nowhere, every: 1h }");
    let plan = plan(&text, Arc::new(Slow { left: 2 }), Arc::new(sink.clone()));
    run(plan.with_checkpoint(storage(&SimulatedDisk::new()))).unwrap();
    assert_eq!(sink.rows(), [r#"{"start":"1970-01-01T00:00:00Z","n":2}"#]);
}
