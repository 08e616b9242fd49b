//! A reader: what its thread gives, cut into epochs' shares.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{Lag, OpenList, OpenPartitions, Read, Records, SourceReader};
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::begin::Begin;
use super::behind::Behind;
use super::limit::Limit;
use super::place::Place;
use super::poll::{Given, Poll};
use super::shared::Shared;

/// How many chunks may wait to be asked for.
const AHEAD: usize = 2;

/// How often partitions may be found before a busy reader looks.
const FINDS: usize = 64;

/// When a reader without room looks first whether there is some now, and how often later on.
const SOON: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(10);

/// Reads some partitions.
pub(super) struct Reader {
    shared: Arc<Shared>,
    given: Receiver<Given>,
    open: OpenList,
    behind: Behind,
    /// Where each partition goes on.
    places: BTreeMap<String, (Arc<Partition>, Place)>,
    /// What was given by the thread and has no room in this epoch, of each partition in order; the
    /// partition that gives next is the first one.
    rests: VecDeque<VecDeque<Records>>,
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
    pub(super) behind: Behind,
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
        let behind = Behind::default();
        let mut reader = Self {
            shared,
            given,
            open: open.clone(),
            behind: behind.clone(),
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
            behind,
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
        // Before the first epoch is split.
        let first = begins.iter().map(|begin| &begin.partition.topic).min();
        for begin in &begins {
            if let Some(limit) = &limit {
                // A finite run reads one topic after the other.
                let is_read = !shared.finite || Some(&begin.partition.topic) == first;
                let end = if is_read {
                    begin.end
                } else {
                    begin.place.offset
                };
                limit.add(begin, end);
            }
        }
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
            behind: ends.behind,
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
        for begin in begins {
            let partition = self.shared.partition(&begin.partition);
            let offset = begin.place.offset;
            self.behind.begins(&partition, &begin.partition, offset);
            self.places
                .insert(partition.name.clone(), (partition, begin.place.clone()));
        }
    }

    /// Some of what has had no room yet, for which there is some now.
    fn ready(&mut self) -> Option<Records> {
        for _ in 0..self.rests.len() {
            let mut rest = self.rests.pop_front()?;
            let given = self.first_of(&mut rest);
            if !rest.is_empty() {
                self.rests.push_back(rest);
            }
            if given.is_some() {
                return given;
            }
        }
        None
    }

    /// What there is room for of the first records of a partition.
    fn first_of(&self, rest: &mut VecDeque<Records>) -> Option<Records> {
        let records = rest.front()?;
        let count = match &self.limit {
            Some(limit) => limit.take(records),
            None => records.len(),
        };
        if count == 0 {
            return None;
        }
        let mut records = rest.pop_front()?;
        if count < records.len() {
            rest.push_front(records.split_off(count));
        }
        Some(records)
    }

    /// Keeps records behind those of their partition.
    fn keep(&mut self, records: Records) {
        let is_it = |rest: &&mut VecDeque<Records>| {
            let first = rest.front();
            first.is_some_and(|first| first.partition == records.partition)
        };
        match self.rests.iter_mut().find(is_it) {
            Some(rest) => rest.push_back(records),
            None => self.rests.push_back(VecDeque::from([records])),
        }
    }

    /// These are given: the partition goes on after them.
    fn give(&mut self, records: Records) -> Read {
        let last = records.len().saturating_sub(1);
        let next = i64::try_from(records.position(last)).unwrap_or(i64::MAX);
        if let Some((_, place)) = self.places.get_mut(&records.partition.name) {
            place.offset = next.saturating_add(1);
            self.behind.gave(&records.partition.name, place.offset);
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
        let mut look = SOON;
        loop {
            if let Some(records) = self.ready() {
                return Ok(self.give(records));
            }
            if self.has_ended && self.rests.is_empty() {
                return Ok(Read::End);
            }
            if self.limit.as_ref().is_some_and(|limit| limit.is_over()) {
                return Ok(Read::EpochFull);
            }
            let given = tokio::select! {
                // Told before their records are given, and so known before.
                biased;
                Some(begins) = self.found.recv() => {
                    self.know(&begins);
                    continue;
                }
                given = self.given.recv(), if !self.has_ended => given,
                () = sleep(look), if self.limit.is_some() => {
                    look = LOOK.min(look * 2);
                    continue;
                }
            };
            match given {
                Some(Ok(Some(records))) => self.keep(records),
                Some(Ok(None)) => self.has_ended = true,
                Some(Err(error)) => return Err(error),
                None => return Err(Error::internal("kafka: the thread that reads has ended")),
            }
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn lag(&self) -> Option<Arc<dyn Lag>> {
        Some(Arc::new(self.behind.clone()))
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
