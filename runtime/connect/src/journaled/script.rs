//! A source that pushes what a test tells it to, and remembers what it was told.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azud_model::{ByteSize, Error, ManualClock, Partition, Position, Result};
use tokio::sync::mpsc;

use super::Journaled;
use crate::{
    Disk, Entry, JournalOptions, OnFull, Payload, Read, Records, Replay, SimulatedDisk, Source,
    SourceReader,
};

pub(super) const FOLDER: &str = "state/journal/lines";

/// What happened, in order.
pub(super) type Told = Arc<Mutex<Vec<String>>>;

/// Some readers, each fed by a channel.
pub(super) struct Script {
    readers: Mutex<Vec<ScriptReader>>,
    resumed: Mutex<Vec<usize>>,
}

struct ScriptReader {
    given: mpsc::Receiver<Result<Read>>,
    told: Told,
    disk: SimulatedDisk,
}

/// Everything that a test needs of one run.
pub(super) struct Run {
    pub(super) source: Journaled,
    pub(super) readers: Vec<Box<dyn SourceReader>>,
    pub(super) feeds: Vec<mpsc::Sender<Result<Read>>>,
    pub(super) told: Told,
}

/// One chunk of a connection.
pub(super) fn chunk(name: &str, first: u64, lines: &[&str]) -> Result<Read> {
    Ok(Read::Records(Records {
        partition: Arc::new(Partition {
            source: "lines".into(),
            name: name.into(),
        }),
        first,
        positions: None,
        payload: lines.iter().collect::<Payload>(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }))
}

pub(super) fn options(max_bytes: u64, on_full: OnFull) -> JournalOptions {
    JournalOptions {
        max_bytes: ByteSize::from_bytes(max_bytes),
        on_full,
        ..JournalOptions::default()
    }
}

/// A run with so many readers.
pub(super) async fn start(
    disk: &SimulatedDisk,
    count: usize,
    options: JournalOptions,
    finite: bool,
    resume: &[Position],
) -> Result<Run> {
    let told = Told::default();
    let mut feeds = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..count {
        let (feed, given) = mpsc::channel(1000);
        feeds.push(feed);
        readers.push(ScriptReader {
            given,
            told: told.clone(),
            disk: disk.clone(),
        });
    }
    let script = Arc::new(Script {
        readers: Mutex::new(readers),
        resumed: Mutex::default(),
    });
    let source = Journaled::new(
        script.clone(),
        "lines",
        FOLDER,
        Arc::new(disk.clone()),
        options,
        finite,
        Arc::new(ManualClock::at(0)),
    );
    assert_eq!(source.replay(), Replay::Positions);
    let readers = source.open(resume).await?;
    assert_eq!(*script.resumed.lock().unwrap(), [0]);
    Ok(Run {
        source,
        readers,
        feeds,
        told,
    })
}

/// The next chunk, as `connection:number:line`s.
pub(super) async fn next(reader: &mut Box<dyn SourceReader>) -> Vec<String> {
    match reader.next().await.unwrap() {
        Read::Records(records) => lines(&records),
        other => panic!("{other:?}"),
    }
}

pub(super) fn lines(records: &Records) -> Vec<String> {
    assert_eq!(records.partition.source, "lines");
    let name = &records.partition.name;
    let all = (records.first..).zip(records.payload.iter());
    all.map(|(n, line)| format!("{name}:{n}:{}", String::from_utf8_lossy(line)))
        .collect()
}

/// The files of a journal.
pub(super) fn files(disk: &SimulatedDisk, number: usize) -> Vec<Entry> {
    disk.list(&Path::new(FOLDER).join(number.to_string()))
        .unwrap()
}

// === impl Script ===

#[async_trait]
impl Source for Script {
    fn check(&self) -> Result<()> {
        Err(Error::invalid("checked"))
    }

    fn watches(&self) -> Option<String> {
        Some("somewhere".into())
    }

    fn replay(&self) -> Replay {
        Replay::Never
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        self.resumed.lock().unwrap().push(resume.len());
        let readers = std::mem::take(&mut *self.readers.lock().unwrap());
        Ok(readers
            .into_iter()
            .map(|reader| Box::new(reader) as Box<dyn SourceReader>)
            .collect())
    }
}

// === impl ScriptReader ===

#[async_trait]
impl SourceReader for ScriptReader {
    async fn next(&mut self) -> Result<Read> {
        let given = self.given.recv().await;
        let Some(given) = given else {
            // Nobody will send any more, and the run goes on.
            return std::future::pending().await;
        };
        if let Ok(Read::Records(records)) = &given {
            let told = format!("gave {}", lines(records).join(" "));
            self.told.lock().unwrap().push(told);
        }
        given
    }

    /// What a power cut would leave now, whatever it does to what is not durable.
    async fn acknowledge(&mut self) -> Result<()> {
        let mut left = Vec::new();
        for seed in 0..5 {
            let disk: Arc<dyn Disk> = Arc::new(self.disk.crash(seed));
            let folder = Path::new(FOLDER).join("0");
            let opened =
                crate::Journal::open(disk, &folder, JournalOptions::default(), None, 0).unwrap();
            left.push(opened.0.next() - 1);
        }
        left.dedup();
        let told = format!("acknowledged {left:?}");
        self.told.lock().unwrap().push(told);
        Ok(())
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}
