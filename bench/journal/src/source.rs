//! A source that gives what it is sent, and says when that is acknowledged.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use async_trait::async_trait;
use azud_connect::{
    JournalOptions, Journaled, LocalDisk, Payload, Read, Records, Source, SourceReader,
};
use azud_model::{ByteSize, Error, Partition, Position, SystemClock};
use tokio::sync::mpsc;

pub(crate) const RECORD: usize = 1024;

/// A source of one connection.
pub(crate) struct Pushed(Mutex<Option<Reader>>);

struct Reader {
    given: mpsc::Receiver<Records>,
    acknowledged: mpsc::Sender<()>,
}

/// So many records of 1 KB, line ends included.
pub(crate) fn records(first: u64, count: usize) -> Records {
    let mut bytes = Vec::with_capacity(count * RECORD);
    let mut ranges = Vec::with_capacity(count);
    for record in 0..count {
        let start = bytes.len() as u32;
        // Nothing that a disk could make smaller.
        let mut state = first.wrapping_add(record as u64) | 1;
        while bytes.len() < (record + 1) * RECORD - 1 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.push((state >> 56) as u8);
        }
        ranges.push(start..bytes.len() as u32);
        bytes.push(b'\n');
    }
    Records {
        partition: Arc::new(Partition {
            source: "lines".into(),
            name: "127.0.0.1:9999#1".into(),
        }),
        first,
        positions: None,
        payload: Payload {
            bytes: bytes.into(),
            records: ranges,
            present: None,
        },
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// What one run of a journaled source needs.
pub(crate) struct Run {
    pub(crate) reader: Box<dyn SourceReader>,
    pub(crate) feed: mpsc::Sender<Records>,
    pub(crate) acknowledged: mpsc::Receiver<()>,
}

/// Opens a journal of up to 4 GiB in a folder of its own.
pub(crate) async fn open(folder: &Path) -> Result<Run> {
    let (feed, given) = mpsc::channel(1);
    let (acknowledge, acknowledged) = mpsc::channel(1024);
    let source = Journaled::new(
        Arc::new(Pushed(Mutex::new(Some(Reader {
            given,
            acknowledged: acknowledge,
        })))),
        "lines",
        folder,
        Arc::new(LocalDisk),
        JournalOptions {
            max_bytes: ByteSize::from_mib(4096),
            ..JournalOptions::default()
        },
        true,
        Arc::new(SystemClock::new()),
    );
    let mut readers = source.open(&[]).await?;
    let reader = readers.pop().ok_or(Error::internal("no reader"))?;
    Ok(Run {
        reader,
        feed,
        acknowledged,
    })
}

// === impl Pushed ===

#[async_trait]
impl Source for Pushed {
    async fn open(&self, _resume: &[Position]) -> azud_model::Result<Vec<Box<dyn SourceReader>>> {
        let reader = self.0.lock().ok().and_then(|mut reader| reader.take());
        let reader = reader.ok_or(Error::internal("opened twice"))?;
        Ok(vec![Box::new(reader)])
    }
}

// === impl Reader ===

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> azud_model::Result<Read> {
        Ok(self.given.recv().await.map_or(Read::End, Read::Records))
    }

    async fn acknowledge(&mut self) -> azud_model::Result<()> {
        // Nobody need listen.
        let _ = self.acknowledged.try_send(());
        Ok(())
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}
