//! A system of two partitions in memory, and a source of it that can be broken.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use azud_model::{Error, Partition, Position, Result};

use crate::conformance::{Flood, SourceFixture, SourcePromises};
use crate::{Payload, Read, Records, Source, SourceContext, SourceReader};

const PARTITIONS: usize = 2;
const SHARE: usize = 4;
const CHUNK: usize = 3;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Nothing,
    SwapsRecords,
    LosesOnCancel,
    DoublesOnCancel,
    DoublesOnResume,
    ForgetsPositionsAtOnce,
    EndsOnlyAfterARecord,
    LosesOnDisconnect,
    ExceedsItsShare,
    ReadsEverything,
    AcceptsAnyPosition,
    CommitsTooMuch,
    OpensOnce,
}

#[derive(Default)]
struct System {
    partitions: [Vec<String>; PARTITIONS],
    given: usize,
    taken: usize,
    /// How many connections were broken.
    breaks: usize,
    /// What is committed too much, by partition.
    removed: [usize; PARTITIONS],
}

#[derive(Clone)]
pub(super) struct Toy {
    flaw: Flaw,
    system: Arc<Mutex<System>>,
}

struct ToySource {
    toy: Toy,
    context: SourceContext,
    /// Where its readers were told to begin first.
    opened: Mutex<Option<Vec<Position>>>,
}

struct Reader {
    toy: Toy,
    finite: bool,
    /// Partition, and the next record.
    places: Vec<(usize, usize)>,
    /// Which of them have given a record, or were resumed.
    touched: Vec<usize>,
    is_resumed: bool,
    share: usize,
    left: usize,
    breaks: usize,
    under_way: bool,
}

// === impl Toy ===

impl Toy {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            system: Arc::default(),
        }
    }

    fn system(&self) -> MutexGuard<'_, System> {
        self.system.lock().unwrap()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

#[async_trait]
impl SourceFixture for Toy {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            share: Some(SHARE),
            flood: Some(Flood {
                records: 50,
                ahead: CHUNK,
            }),
            quiet: Duration::from_millis(5),
            patience: Duration::from_millis(100),
            seeds: 4,
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        *self.system() = System::default();
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let mut system = self.system();
        let first = system.given;
        system.given += count;
        let records: Vec<_> = (first..first + count).map(|n| format!("r{n}")).collect();
        for (n, record) in (first..).zip(&records) {
            system.partitions[n % PARTITIONS].push(record.clone());
        }
        Ok(records)
    }

    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>> {
        self.system().breaks = 0;
        let toy = self.clone();
        Ok(Arc::new(ToySource {
            toy,
            context,
            opened: Mutex::default(),
        }))
    }

    async fn disconnect(&mut self) -> Result<bool> {
        self.system().breaks += 1;
        Ok(true)
    }

    fn taken(&self) -> Option<usize> {
        Some(self.system().taken)
    }
}

// === impl ToySource ===

#[async_trait]
impl Source for ToySource {
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let mut opened = self.opened.lock().unwrap();
        let resume = match opened.get_or_insert_with(|| resume.to_vec()) {
            first if self.toy.has(Flaw::OpensOnce) => first,
            _ => resume,
        };
        let mut places: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
        for position in resume {
            let partition: usize = position.partition.name.parse().unwrap();
            places[partition].1 = match position.next.parse() {
                Ok(next) => next,
                Err(_) if self.toy.has(Flaw::AcceptsAnyPosition) => 0,
                Err(_) => return Err(Error::invalid("no position of a toy")),
            };
        }
        let touched: Vec<usize> = match self.toy.has(Flaw::ForgetsPositionsAtOnce) {
            true => Vec::new(),
            false => resume
                .iter()
                .map(|position| position.partition.name.parse().unwrap())
                .collect(),
        };
        let readers = self.context.lanes.min(PARTITIONS);
        let reader = |number: usize| -> Box<dyn SourceReader> {
            let own = |partition: &usize| partition % readers == number;
            Box::new(Reader {
                toy: self.toy.clone(),
                finite: self.context.finite,
                places: places.iter().copied().filter(|(p, _)| own(p)).collect(),
                touched: touched.iter().copied().filter(own).collect(),
                is_resumed: !resume.is_empty(),
                share: SHARE / readers,
                left: SHARE / readers,
                breaks: 0,
                under_way: false,
            })
        };
        Ok((0..readers).map(reader).collect())
    }

    async fn committed(&self, positions: &[Position]) -> Result<()> {
        if self.toy.has(Flaw::CommitsTooMuch) {
            for position in positions {
                let partition: usize = position.partition.name.parse().unwrap();
                let next: usize = position.next.parse().unwrap();
                self.toy.system().removed[partition] = next + 1;
            }
        }
        Ok(())
    }
}

// === impl Reader ===

impl Reader {
    /// The next records that are there, of the partition that is behind.
    fn ready(&mut self) -> Option<Records> {
        let mut system = self.toy.system();
        let places = self.places.iter_mut();
        let (partition, next) = places
            .filter(|(partition, next)| *next < system.partitions[*partition].len())
            .min_by_key(|(_, next)| *next)?;
        let first = match self.is_resumed {
            true => (*next).max(system.removed[*partition]),
            false => *next,
        };
        let extra = usize::from(self.toy.has(Flaw::ExceedsItsShare) && self.left == 1);
        let last = system.partitions[*partition].len();
        let last = last.min(first + CHUNK).min(first + self.left + extra);
        let mut records = system.partitions[*partition][first.min(last)..last].to_vec();
        *next = last;
        self.left -= records.len().min(self.left);
        system.taken += records.len();
        if self.toy.has(Flaw::ReadsEverything) {
            system.taken = system.given;
        }
        if self.toy.has(Flaw::SwapsRecords) {
            records.reverse();
        }
        self.touched.push(*partition);
        (!records.is_empty()).then(|| Records {
            partition: Arc::new(Partition {
                source: "source".into(),
                name: partition.to_string(),
            }),
            first: first as u64,
            positions: None,
            payload: records.iter().collect::<Payload>(),
            bad: Vec::new(),
            header: None,
            metadata: None,
        })
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn start_epoch(&mut self) {
        self.left = self.share;
    }

    async fn next(&mut self) -> Result<Read> {
        loop {
            let breaks = self.toy.system().breaks;
            if breaks > self.breaks {
                self.breaks = breaks;
                if self.toy.has(Flaw::LosesOnDisconnect) {
                    self.places[0].1 += 1;
                }
                return Err(Error::unavailable("the connection broke"));
            }
            if self.left == 0 {
                return Ok(Read::EpochFull);
            }
            if self.toy.has(Flaw::DoublesOnCancel) {
                if std::mem::replace(&mut self.under_way, true) && self.places[0].1 > 0 {
                    self.places[0].1 -= 1;
                }
                tokio::task::yield_now().await;
                self.under_way = false;
            }
            if let Some(records) = self.ready() {
                if self.toy.has(Flaw::LosesOnCancel) {
                    tokio::task::yield_now().await;
                }
                return Ok(Read::Records(records));
            }
            let given = self.toy.system().given;
            if self.finite && !(self.toy.has(Flaw::EndsOnlyAfterARecord) && given == 0) {
                return Ok(Read::End);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn positions(&self) -> Vec<Position> {
        let back = usize::from(self.toy.has(Flaw::DoublesOnResume));
        let touched = self.places.iter();
        let touched = touched.filter(|(partition, _)| self.touched.contains(partition));
        touched
            .map(|(partition, next)| Position {
                partition: Arc::new(Partition {
                    source: "source".into(),
                    name: partition.to_string(),
                }),
                next: next.saturating_sub(back).to_string(),
            })
            .collect()
    }
}
