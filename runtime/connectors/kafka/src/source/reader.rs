//! A reader: what its thread gives, cut into epochs' shares.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{OpenList, OpenPartitions, Read, Records, SourceReader};
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::begin::Begin;
use super::limit::Limit;
use super::place::Place;
use super::poll::{Given, Poll};
use super::shared::Shared;
use crate::stopwatch::Stopwatch;

/// How many chunks may wait to be asked for.
const AHEAD: usize = 2;

/// How often partitions may be found before a busy reader looks.
const FINDS: usize = 64;

/// How often a reader whose partitions have had their shares looks what others have left.
const LOOK: Duration = Duration::from_millis(10);

/// How long it waits for others before it takes what is left to partitions that give nothing.
const PATIENCE: Duration = Duration::from_millis(200);

/// Reads some partitions.
pub(super) struct Reader {
    shared: Arc<Shared>,
    given: Receiver<Given>,
    open: OpenList,
    /// Where each partition goes on.
    places: BTreeMap<String, (Arc<Partition>, Place)>,
    /// What was given by the thread and has no room in this epoch, in order.
    rests: VecDeque<Records>,
    /// Whether the thread has given all there will ever be.
    has_ended: bool,
    /// How many epochs were begun.
    epoch: u64,
    /// What an epoch may take, where that is limited.
    limit: Option<Arc<Limit>>,
    /// Partitions that this reader has found later, and their places.
    found: Receiver<Vec<Begin>>,
    /// Who looks for new partitions: the first reader's; ends with it.
    watch: Option<AbortHandle>,
}

/// Where partitions that are found later are told.
#[derive(Clone)]
pub(super) struct Finds {
    thread: mpsc::SyncSender<Vec<Begin>>,
    reader: tokio::sync::mpsc::Sender<Vec<Begin>>,
    /// As if the thread had said it.
    pub(super) given: tokio::sync::mpsc::Sender<Given>,
}

/// The other ends of a reader's channels.
pub(super) struct Ends {
    pub(super) give: tokio::sync::mpsc::Sender<Given>,
    /// Where it is told of partitions before their records are given.
    pub(super) find: tokio::sync::mpsc::Sender<Vec<Begin>>,
    pub(super) open: OpenList,
    pub(super) limit: Option<Arc<Limit>>,
}

// === impl Finds ===

impl Finds {
    /// Answers whether there is still somebody to be told.
    pub(super) async fn tell(&self, begins: Vec<Begin>) -> bool {
        // The reader first: no record may come of a partition that it does not know.
        self.reader.send(begins.clone()).await.is_ok() && self.thread.try_send(begins).is_ok()
    }
}

// === impl Reader ===

impl Reader {
    /// A reader, and the ends of its channels.
    pub(super) fn new(
        shared: Arc<Shared>,
        begins: &[Begin],
        limit: Option<Arc<Limit>>,
    ) -> (Self, Ends) {
        let (give, given) = channel(AHEAD);
        let (find, found) = channel(FINDS);
        let open = OpenList::default();
        let mut reader = Self {
            shared,
            given,
            open: open.clone(),
            places: BTreeMap::new(),
            rests: VecDeque::new(),
            has_ended: false,
            epoch: 0,
            limit: limit.clone(),
            found,
            watch: None,
        };
        reader.know(begins);
        let ends = Ends {
            give,
            find,
            open,
            limit,
        };
        (reader, ends)
    }

    /// Starts the thread of a reader that reads alone.
    pub(super) fn start(
        number: usize,
        shared: Arc<Shared>,
        begins: Vec<Begin>,
        limit: Option<Arc<Limit>>,
    ) -> Result<(Self, Finds)> {
        let (reader, ends) = Self::new(shared.clone(), &begins, limit);
        let (tell_thread, found) = mpsc::sync_channel(FINDS);
        let finds = Finds {
            thread: tell_thread,
            reader: ends.find,
            given: ends.give.clone(),
        };
        let poll = Poll {
            shared,
            begins,
            found,
            given: ends.give,
            open: ends.open,
            limit: ends.limit,
        };
        thread::Builder::new()
            .name(format!("azud-kafka-{number}"))
            .spawn(move || poll.run())
            .map_err(|error| Error::internal("cannot start a thread").because(error))?;
        Ok((reader, finds))
    }

    /// Ends that task when the reader goes.
    pub(super) fn owns(&mut self, watch: AbortHandle) {
        self.watch = Some(watch);
    }

    fn know(&mut self, begins: &[Begin]) {
        let first = begins.iter().map(|begin| &begin.partition.topic).min();
        for begin in begins {
            if let Some(limit) = &self.limit {
                // A finite run reads one topic after the other.
                let waits = !self.shared.finite || Some(&begin.partition.topic) == first;
                limit.add(begin, if waits { begin.end } else { begin.place.offset });
            }
            let partition = self.shared.partition(&begin.partition);
            self.places
                .insert(partition.name.clone(), (partition, begin.place.clone()));
        }
    }

    /// The first of what has no room yet for which there is some now.
    fn ready(&mut self, borrows: bool) -> Option<Records> {
        let Some(limit) = &self.limit else {
            return self.rests.pop_front();
        };
        let count_of = |records: &Records| limit.take(records, borrows);
        let mut passed: Vec<&str> = Vec::new();
        let mut found = None;
        for (index, records) in self.rests.iter().enumerate() {
            let name = &*records.partition.name;
            // Records of a partition stay in order.
            if passed.contains(&name) {
                continue;
            }
            match count_of(records) {
                0 => passed.push(name),
                count => {
                    found = Some((index, count));
                    break;
                }
            }
        }
        let (index, count) = found?;
        let mut records = self.rests.remove(index)?;
        if count < records.len() {
            self.rests.insert(index, records.split_off(count));
        }
        Some(records)
    }

    /// Whether nothing more is given in this epoch.
    fn is_full(&self) -> bool {
        let Some(limit) = &self.limit else {
            return false;
        };
        match self.rests.is_empty() {
            true => limit.is_used_by(self.places.keys()),
            false => limit.is_used(),
        }
    }

    /// These are given: the partition goes on after them.
    fn give(&mut self, records: Records) -> Read {
        let last = records.len().saturating_sub(1);
        let next = i64::try_from(records.position(last)).unwrap_or(i64::MAX);
        if let Some((_, place)) = self.places.get_mut(&records.partition.name) {
            place.offset = next.saturating_add(1);
        }
        Read::Records(records)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn start_epoch(&mut self) {
        if let Some(limit) = &self.limit {
            limit.start_epoch(self.epoch);
        }
        self.epoch += 1;
    }

    async fn next(&mut self) -> Result<Read> {
        let mut waiting = Stopwatch::start();
        loop {
            let borrows = waiting.elapsed() > PATIENCE;
            if let Some(records) = self.ready(borrows) {
                return Ok(self.give(records));
            }
            if self.is_full() {
                return Ok(Read::EpochFull);
            }
            if self.has_ended && self.rests.is_empty() {
                return Ok(Read::End);
            }
            let given = tokio::select! {
                // Told before their records are given, and so known before.
                biased;
                Some(begins) = self.found.recv() => {
                    self.know(&begins);
                    continue;
                }
                given = self.given.recv(), if !self.has_ended => given,
                () = sleep(LOOK), if !self.rests.is_empty() => continue,
            };
            match given {
                Some(Ok(Some(records))) => {
                    self.rests.push_back(records);
                    waiting = Stopwatch::start();
                }
                Some(Ok(None)) => self.has_ended = true,
                Some(Err(error)) => return Err(error),
                None => return Err(Error::internal("kafka: the thread that reads has ended")),
            }
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn positions(&self) -> Vec<Position> {
        let places = self.places.values();
        let positions = places.map(|(partition, place)| Position {
            partition: partition.clone(),
            next: place.text(),
        });
        positions.collect()
    }
}
