//! A reader: what its thread gives, cut into epochs' shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use async_trait::async_trait;
use azud_connect::{OpenList, OpenPartitions, Read, Records, SourceReader};
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::AbortHandle;

use super::begin::Begin;
use super::place::Place;
use super::poll::{Given, Poll};
use super::shared::Shared;

/// How many chunks may wait to be asked for.
const AHEAD: usize = 2;

/// How often partitions may be found before a busy reader looks.
const FINDS: usize = 64;

/// Reads some partitions.
pub(super) struct Reader {
    shared: Arc<Shared>,
    given: Receiver<Given>,
    open: OpenList,
    /// Where each partition goes on.
    places: BTreeMap<String, (Arc<Partition>, Place)>,
    /// What was given by the thread, and has no room in this epoch.
    rest: Option<Records>,
    share: Share,
    left: Share,
    /// Partitions that this reader has found later, and their places.
    found: Receiver<Vec<Begin>>,
    /// Who looks for new partitions: the first reader's; ends with it.
    watch: Option<AbortHandle>,
}

/// What a reader may give in an epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) rows: u64,
    pub(super) bytes: u64,
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
    pub(super) fn new(shared: Arc<Shared>, begins: &[Begin], share: Share) -> (Self, Ends) {
        let (give, given) = channel(AHEAD);
        let (find, found) = channel(FINDS);
        let open = OpenList::default();
        let mut reader = Self {
            shared,
            given,
            open: open.clone(),
            places: BTreeMap::new(),
            rest: None,
            share,
            left: share,
            found,
            watch: None,
        };
        reader.know(begins);
        (reader, Ends { give, find, open })
    }

    /// Starts the thread of a reader that reads alone.
    pub(super) fn start(
        number: usize,
        shared: Arc<Shared>,
        begins: Vec<Begin>,
        share: Share,
    ) -> Result<(Self, Finds)> {
        let (reader, ends) = Self::new(shared.clone(), &begins, share);
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
            self.places
                .insert(partition.name.clone(), (partition, begin.place.clone()));
        }
    }

    /// Gives what there is room for in this epoch.
    fn cut(&mut self, mut records: Records) -> Records {
        let rows = usize::try_from(self.left.rows).unwrap_or(usize::MAX);
        let others = records.payload.records.get(1..).unwrap_or_default();
        let bytes = others.partition_point(|record| u64::from(record.start) < self.left.bytes) + 1;
        let room = rows.min(bytes);
        if room < records.len() {
            self.rest = Some(records.split_off(room));
        }
        let size = records.payload.records.last().map_or(0, |last| last.end);
        self.left.rows = self.left.rows.saturating_sub(records.len() as u64);
        self.left.bytes = self.left.bytes.saturating_sub(u64::from(size));
        let last = records.len().saturating_sub(1);
        let next = i64::try_from(records.position(last)).unwrap_or(i64::MAX);
        if let Some((_, place)) = self.places.get_mut(&records.partition.name) {
            place.offset = next.saturating_add(1);
        }
        records
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
        self.left = self.share;
    }

    async fn next(&mut self) -> Result<Read> {
        if self.left.rows == 0 || self.left.bytes == 0 {
            return Ok(Read::EpochFull);
        }
        if let Some(records) = self.rest.take() {
            return Ok(Read::Records(self.cut(records)));
        }
        let given = loop {
            tokio::select! {
                // Told before their records are given, and so known before.
                biased;
                Some(begins) = self.found.recv() => self.know(&begins),
                given = self.given.recv() => break given,
            }
        };
        match given {
            Some(Ok(Some(records))) => Ok(Read::Records(self.cut(records))),
            Some(Ok(None)) => Ok(Read::End),
            Some(Err(error)) => Err(error),
            None => Err(Error::internal("kafka: the thread that reads has ended")),
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
