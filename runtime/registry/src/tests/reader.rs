use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{BadRecord, Payload, Read, Records, Source, SourceReader, Wire, WriterSchemas};
use azud_model::{Clock, ErrorKind, ManualClock, Partition, Position, Result};

use super::server::{Fake, Says};
use crate::{Credentials, Registered, Registry};

/// A topic of one partition, a chunk at a time.
struct Topic {
    chunks: Mutex<VecDeque<Vec<Vec<u8>>>>,
    acknowledged: Arc<AtomicU64>,
}

struct Reader {
    chunks: VecDeque<Vec<Vec<u8>>>,
    next: u64,
    acknowledged: Arc<AtomicU64>,
}

fn partition(name: &str) -> Arc<Partition> {
    Arc::new(Partition {
        source: "in".to_owned(),
        name: name.to_owned(),
    })
}

#[async_trait]
impl Source for Topic {
    async fn open(&self, _: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        Ok(vec![Box::new(Reader {
            chunks: std::mem::take(&mut self.chunks.lock().unwrap()),
            next: 0,
            acknowledged: self.acknowledged.clone(),
        })])
    }
}

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        let Some(chunk) = self.chunks.pop_front() else {
            return Ok(Read::End);
        };
        let first = self.next;
        self.next += chunk.len() as u64;
        Ok(Read::Records(Records {
            partition: partition("0"),
            first,
            positions: None,
            payload: chunk.iter().collect::<Payload>(),
            bad: vec![BadRecord {
                index: 0,
                reason: "too long".to_owned(),
            }],
            header: None,
            metadata: None,
        }))
    }

    async fn acknowledge(&mut self) -> Result<()> {
        self.acknowledged.store(self.next, Ordering::Relaxed);
        Ok(())
    }

    fn positions(&self) -> Vec<Position> {
        let position = |name: &str, next: u64| Position {
            partition: partition(name),
            next: next.to_string(),
        };
        vec![position("0", self.next), position("other", 7)]
    }
}

struct Rig {
    fake: Fake,
    clock: Arc<ManualClock>,
    writers: WriterSchemas,
    acknowledged: Arc<AtomicU64>,
    reader: Box<dyn SourceReader>,
}

/// A record of that schema; the first of a chunk is too long.
fn record(id: u32) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], &[2]].concat()
}

async fn rig(chunks: &[&[u32]]) -> Rig {
    let chunks = chunks.iter().map(|ids| {
        let records = ids.iter().map(|id| record(*id));
        std::iter::once(record(99)).chain(records).collect()
    });
    let (fake, clock) = (Fake::start(), Arc::new(ManualClock::at(0)));
    let writers = WriterSchemas::default();
    let acknowledged = Arc::default();
    let topic = Topic {
        chunks: Mutex::new(chunks.collect()),
        acknowledged: Arc::clone(&acknowledged),
    };
    let registry = Registry::new(&fake.address(), Credentials::None).unwrap();
    let registry = Arc::new(registry.with_timeout(Duration::from_secs(1)));
    let source = Registered::new(
        Arc::new(topic),
        registry,
        Wire::Confluent,
        writers.clone(),
        clock.clone() as Arc<dyn Clock>,
    );
    let reader = source.open(&[]).await.unwrap().remove(0);
    Rig {
        fake,
        clock,
        writers,
        acknowledged,
        reader,
    }
}

impl Rig {
    /// The next chunk: its first position and what is bad in it.
    async fn chunk(&mut self) -> (u64, Vec<(usize, String)>) {
        match self.reader.next().await.unwrap() {
            Read::Records(records) => {
                let bad = records.bad.into_iter();
                (
                    records.first,
                    bad.map(|bad| (bad.index, bad.reason)).collect(),
                )
            }
            other => panic!("{other:?}"),
        }
    }

    fn place(&self) -> Vec<String> {
        let positions = self.reader.positions().into_iter();
        positions.map(|position| position.next).collect()
    }
}

#[tokio::test]
async fn each_schema_is_asked_for_once_and_before_its_records_are_handed_on() {
    let mut rig = rig(&[&[1, 2, 1], &[2, 1, 3]]).await;
    for id in [1, 2, 3] {
        rig.fake.has(id, "\"int\"");
    }
    let broken = |index| (index, "too long".to_owned());
    assert_eq!(rig.chunk().await, (0, vec![broken(0)]));
    assert!(rig.writers.get(2).is_some() && rig.writers.get(3).is_none());
    assert_eq!(rig.chunk().await, (4, vec![broken(0)]));
    assert_eq!(
        rig.fake.paths(),
        ["/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/3"]
    );
    assert!(matches!(rig.reader.next().await.unwrap(), Read::End));
}

#[tokio::test]
async fn a_registry_that_is_away_costs_nothing_but_time() {
    let mut rig = rig(&[&[1, 2], &[3]]).await;
    rig.fake.has(1, "\"int\"");
    for says in [
        Says::Body(500, Vec::new()),
        Says::Waits(Duration::from_secs(2)),
        Says::Body(503, Vec::new()),
    ] {
        rig.fake.says("/schemas/ids/2", says);
        let error = rig.reader.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        // Nothing of the chunk was handed on: not its positions, and no word that it is safe.
        assert_eq!(rig.place(), ["0", "7"]);
        rig.reader.acknowledge().await.unwrap();
        assert_eq!(rig.acknowledged.load(Ordering::Relaxed), 0);
    }
    rig.fake.has(2, "\"int\"");
    assert_eq!(rig.chunk().await.0, 0);
    assert_eq!(rig.place(), ["3", "7"]);
    rig.reader.acknowledge().await.unwrap();
    assert_eq!(rig.acknowledged.load(Ordering::Relaxed), 3);
    rig.fake.has(3, "\"int\"");
    assert_eq!(rig.chunk().await.0, 3);
    // The first was known already, and was not asked for again.
    let first = rig
        .fake
        .paths()
        .into_iter()
        .filter(|path| path.ends_with("/1"));
    assert_eq!(first.count(), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing_and_gives_nothing_twice() {
    let mut rig = rig(&[&[1], &[1]]).await;
    rig.fake
        .says("/schemas/ids/1", Says::Waits(Duration::from_secs(2)));
    for _ in 0..2 {
        let call = tokio::time::timeout(Duration::from_millis(20), rig.reader.next());
        assert!(call.await.is_err());
        assert_eq!(rig.place(), ["0", "7"]);
        rig.reader.start_epoch();
    }
    rig.fake.has(1, "\"int\"");
    assert_eq!(rig.chunk().await.0, 0);
    assert_eq!(rig.chunk().await.0, 2);
    assert_eq!(rig.place(), ["4", "7"]);
}

#[tokio::test]
async fn an_id_that_is_unknown_is_bad_and_asked_for_again_after_a_minute() {
    let mut rig = rig(&[&[5, 1, 5], &[5], &[5], &[5]]).await;
    rig.fake.has(1, "\"int\"");
    let (_, bad) = rig.chunk().await;
    let unknown = format!(
        "the schema registry at {}/, schema 5: it has no such schema",
        rig.fake.address()
    );
    let bad: Vec<_> = bad
        .iter()
        .map(|(index, reason)| (*index, reason.as_str()))
        .collect();
    assert_eq!(
        bad,
        [
            (0, "too long"),
            (1, unknown.as_str()),
            (3, unknown.as_str())
        ]
    );
    rig.fake.has(5, "\"int\"");
    rig.fake.paths();
    rig.clock.advance(Duration::from_secs(59));
    assert_eq!(rig.chunk().await.1.len(), 2);
    assert!(rig.fake.paths().is_empty());
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.chunk().await.1.len(), 1);
    assert_eq!(rig.chunk().await.1.len(), 1);
    assert_eq!(rig.fake.paths(), ["/schemas/ids/5"]);
}

#[tokio::test]
async fn a_registry_that_forbids_stops_the_pipeline() {
    let mut rig = rig(&[&[1]]).await;
    rig.fake.says("/schemas/ids/1", Says::Body(401, Vec::new()));
    assert_eq!(
        rig.reader.next().await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
}
