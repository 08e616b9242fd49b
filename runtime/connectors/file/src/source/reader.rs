//! A reader: one file after the other.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use async_trait::async_trait;
use azud_connect::{Chunk, Framing, OpenList, OpenPartitions, Read, SourceContext, SourceReader};
use azud_model::{ByteSize, Error, Partition, Position, Result};
use tokio::sync::mpsc;

use super::dealer::Dealer;
use super::place::Place;
use super::read::{Part, Task};
use super::share::Share;
use super::state::End;
use crate::FileSourceOptions;

pub(super) struct FileReader {
    index: usize,
    dealer: Arc<Dealer>,
    share: Share,
    /// The number of the epoch, from 1.
    epoch: u64,
    source: String,
    framing: Framing,
    max_line: ByteSize,
    with_path: bool,
    current: Option<Current>,
    /// The file that is being read.
    open: OpenList,
    places: BTreeMap<String, (Arc<Partition>, Place)>,
}

/// The file that is being read.
struct Current {
    partition: Arc<Partition>,
    chunks: mpsc::Receiver<Result<Part>>,
    /// What an epoch's share had no room for.
    rest: Option<Chunk>,
    place: Place,
}

/// The files that hold up event time.
struct OpenFiles {
    /// The one that is being read.
    current: OpenList,
    /// Who knows those that an earlier run has begun.
    dealer: Option<Arc<Dealer>>,
    source: String,
}

impl OpenPartitions for OpenFiles {
    fn list(&self) -> Vec<Arc<Partition>> {
        let mut open = self.current.list();
        let begun = self.dealer.iter().flat_map(|dealer| dealer.begun());
        open.extend(begun.map(|name| {
            Arc::new(Partition {
                source: self.source.clone(),
                name,
            })
        }));
        open
    }
}

// === impl FileReader ===

impl FileReader {
    pub(super) fn new(
        index: usize,
        dealer: Arc<Dealer>,
        share: Share,
        context: &SourceContext,
        options: &FileSourceOptions,
    ) -> Self {
        Self {
            index,
            dealer,
            share,
            epoch: 1,
            source: context.node.clone(),
            framing: context.framing,
            max_line: options.max_line(),
            with_path: context.metadata.iter().any(|column| column == "path"),
            current: None,
            open: OpenList::default(),
            places: BTreeMap::new(),
        }
    }

    fn partition(&self, name: String) -> Arc<Partition> {
        Arc::new(Partition {
            source: self.source.clone(),
            name,
        })
    }

    /// Opens the next file; false if there is none now.
    fn open_next(&mut self) -> bool {
        let Some((file, place)) = self.dealer.take(self.index) else {
            return false;
        };
        self.share.take_file();
        let partition = self.partition(file.name.clone());
        if place.next > 0 {
            // An epoch may end before the first record: nobody else speaks for it any more.
            self.note(&partition, place);
        }
        let task = Task {
            file,
            from: place,
            framing: self.framing,
            max_line: self.max_line,
        };
        self.open.set(Some(partition.clone()));
        self.current = Some(Current {
            partition,
            chunks: task.start(),
            rest: None,
            place,
        });
        true
    }

    /// Remembers how far a file was read.
    fn note(&mut self, partition: &Arc<Partition>, place: Place) {
        self.places
            .insert(partition.name.clone(), (partition.clone(), place));
    }

    fn metadata(&self, name: &str, rows: usize) -> Result<Option<RecordBatch>> {
        if !self.with_path {
            return Ok(None);
        }
        let paths = StringArray::from_iter_values(repeat_n(name, rows));
        let columns = [("path", Arc::new(paths) as ArrayRef, true)];
        Ok(Some(RecordBatch::try_from_iter_with_nullable(columns)?))
    }

    /// The part of a chunk that the epoch's share has room for.
    fn give(&mut self, mut chunk: Chunk) -> Result<Option<Read>> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let start = current.place;
        let end = chunk.end;
        // A file that is read again from the start of a chunk: its first records were given.
        let given = usize::try_from(start.next.saturating_sub(chunk.first)).unwrap_or_default();
        let whole = chunk.next();
        if given > 0 {
            match split(&mut chunk, given) {
                Some(rest) => chunk = rest,
                None => {
                    current.place = Place {
                        offset: end,
                        line: whole,
                        next: whole.max(start.next),
                        ..Place::default()
                    };
                    return Ok(None);
                }
            }
        }
        let room = self.share.room(&chunk.payload);
        current.rest = split(&mut chunk, room);
        current.place = match &current.rest {
            Some(rest) => Place {
                next: rest.first,
                ..start
            },
            None => Place {
                offset: end,
                line: whole,
                next: whole,
                ..Place::default()
            },
        };
        let (partition, place) = (current.partition.clone(), current.place);
        self.share
            .take(chunk.payload.len(), chunk.payload.bytes.len());
        self.note(&partition, place);
        let metadata = self.metadata(&partition.name, chunk.payload.len())?;
        Ok(Some(Read::Records(chunk.into_records(partition, metadata))))
    }
}

/// Cuts a chunk after `rows` records; `None` if it has no more than that.
fn split(chunk: &mut Chunk, rows: usize) -> Option<Chunk> {
    if chunk.payload.len() <= rows {
        return None;
    }
    let mut rest = chunk.clone();
    rest.first += rows as u64;
    rest.payload = chunk.payload.split_off(rows);
    rest.bad.retain(|bad| bad.index >= rows);
    for bad in &mut rest.bad {
        bad.index -= rows;
    }
    chunk.bad.retain(|bad| bad.index < rows);
    Some(rest)
}

#[async_trait]
impl SourceReader for FileReader {
    fn start_epoch(&mut self) {
        self.share.start_epoch();
        self.epoch += 1;
        let dealer = &self.dealer;
        self.places
            .retain(|name, (_, place)| !place.done || dealer.has_ended(name));
    }

    async fn next(&mut self) -> Result<Read> {
        loop {
            let Some(current) = &mut self.current else {
                if self.dealer.has(self.index) {
                    if self.share.is_full() || self.share.is_out_of_files() {
                        self.dealer.use_up(self.epoch);
                        return Ok(Read::EpochFull);
                    }
                    self.open_next();
                } else {
                    let more = self.dealer.refresh().await?;
                    match self.dealer.has(self.index) {
                        true => {}
                        // The epoch need not go on for a reader that has nothing to read.
                        false if self.dealer.is_used_up(self.epoch) => return Ok(Read::EpochFull),
                        false if more => tokio::select! {
                            () = tokio::time::sleep(self.dealer.poll) => {}
                            () = self.dealer.uses_up.notified() => {}
                        },
                        false => return Ok(Read::End),
                    }
                }
                continue;
            };
            // A file that ends where the share does has ended in this epoch: what is appended
            // to it later is not read.
            if self.share.is_full() && current.rest.is_some() {
                self.dealer.use_up(self.epoch);
                return Ok(Read::EpochFull);
            }
            let part = match current.rest.take() {
                Some(rest) => Some(Ok(Part::Chunk(rest))),
                None => current.chunks.recv().await,
            };
            match part.transpose()? {
                Some(Part::Chunk(chunk)) if self.share.is_full() => current.rest = Some(chunk),
                Some(Part::Chunk(chunk)) => {
                    if let Some(read) = self.give(chunk)? {
                        return Ok(read);
                    }
                }
                Some(Part::End(end)) => {
                    let place = Place {
                        done: true,
                        size: match end {
                            End::Whole(size) => Some(size),
                            End::Changed { .. } => None,
                        },
                        ..current.place
                    };
                    let partition = current.partition.clone();
                    self.dealer.ended(&partition.name, &end, place.last_line());
                    self.note(&partition, place);
                    self.current = None;
                    self.open.set(None);
                }
                // What follows would be skipped without a word.
                None => {
                    let (name, line) = (&current.partition.name, current.place.last_line());
                    return Err(Error::internal(format!(
                        "reading file `{name}` broke off after line {line}"
                    )));
                }
            }
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(OpenFiles {
            current: self.open.clone(),
            // One reader speaks for the files that none has come to.
            dealer: (self.index == 0).then(|| self.dealer.clone()),
            source: self.source.clone(),
        }))
    }

    fn positions(&self) -> Vec<Position> {
        // One reader speaks for the files that none has come to.
        let untouched = match self.index {
            0 => self.dealer.untouched(),
            _ => Vec::new(),
        };
        let untouched = untouched.into_iter();
        let untouched = untouched.map(|(name, place)| (self.partition(name), place));
        // A file that was removed and is there again is another one.
        let is_ours = |name: &str, place: &Place| !place.done || self.dealer.has_ended(name);
        let own = self.places.iter();
        let own = own
            .filter(|(name, (_, place))| is_ours(name, place))
            .map(|(_, own)| own.clone());
        own.chain(untouched)
            .map(|(partition, place)| Position {
                partition,
                next: place.token(),
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
