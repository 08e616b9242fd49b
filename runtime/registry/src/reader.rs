//! A reader that hands on no record before its schema is looked up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{AvroSchema, BadRecord, Lag, OpenPartitions, Read, Records, SourceReader};
use azud_model::{Position, Result};

use crate::source::Lookup;

/// The schemas of so many chunks are held: those that may wait for a lane, the one that a lane
/// decodes, and some more.
const HELD_CHUNKS: usize = 16;

/// Reads what another reader reads, and looks up schemas between.
pub(crate) struct RegisteredReader {
    inner: Box<dyn SourceReader>,
    lookup: Arc<Lookup>,
    /// What `inner` gave and was not handed on yet: calls are dropped, and registries away.
    kept: Option<Kept>,
    /// The schemas of the chunks that were handed on last.
    held: VecDeque<Vec<Arc<AvroSchema>>>,
}

/// A chunk that waits for its schemas.
struct Kept {
    records: Records,
    /// Where its partition was before; `None` if it had no position.
    before: Option<Position>,
}

// === impl RegisteredReader ===

impl RegisteredReader {
    pub(crate) fn new(inner: Box<dyn SourceReader>, lookup: Arc<Lookup>) -> Self {
        Self {
            inner,
            lookup,
            kept: None,
            held: VecDeque::new(),
        }
    }
}

/// The schemas of all records of a chunk, and what is bad because there is none.
async fn look_up(
    lookup: &Lookup,
    records: &Records,
) -> Result<(Vec<Arc<AvroSchema>>, Vec<BadRecord>)> {
    let ids = ids(lookup, records);
    let distinct: BTreeSet<u64> = ids.iter().copied().flatten().collect();
    let mut schemas = Vec::new();
    let mut unknown = BTreeMap::new();
    for id in distinct {
        match lookup.find(id).await? {
            Ok(schema) => schemas.push(schema),
            Err(reason) => drop(unknown.insert(id, reason)),
        }
    }
    let bad = ids.into_iter().enumerate().filter_map(|(index, id)| {
        let reason = unknown.get(&id?)?.clone();
        Some(BadRecord { index, reason })
    });
    Ok((schemas, bad.collect()))
}

/// The id of each record that names one: what does not is for the decoder to refuse.
fn ids(lookup: &Lookup, records: &Records) -> Vec<Option<u64>> {
    let mut broken = records.bad.iter().map(|bad| bad.index).peekable();
    let present = records.payload.present.as_ref();
    let ids = (0..records.payload.len()).map(|index| {
        let is_broken = broken.next_if_eq(&index).is_some();
        let is_absent = present.is_some_and(|present| present.is_null(index));
        if is_broken || is_absent {
            return None;
        }
        let split = lookup.wire.split(records.payload.record(index));
        split.ok().map(|(id, _)| id)
    });
    ids.collect()
}

#[async_trait]
impl SourceReader for RegisteredReader {
    fn start_epoch(&mut self) {
        self.inner.start_epoch();
    }

    async fn next(&mut self) -> Result<Read> {
        if self.kept.is_none() {
            let before = self.inner.positions();
            let records = match self.inner.next().await? {
                Read::Records(records) => records,
                other => return Ok(other),
            };
            let mut before = before.into_iter();
            let before = before.find(|position| position.partition == records.partition);
            self.kept = Some(Kept { records, before });
        }
        let Some(kept) = &self.kept else {
            return Ok(Read::EpochFull);
        };
        let (schemas, unknown) = look_up(&self.lookup, &kept.records).await?;
        let Some(Kept { mut records, .. }) = self.kept.take() else {
            return Ok(Read::EpochFull);
        };
        if !unknown.is_empty() {
            records.bad.extend(unknown);
            records.bad.sort_by_key(|bad| bad.index);
        }
        self.held.push_back(schemas);
        if self.held.len() > HELD_CHUNKS {
            self.held.pop_front();
        }
        Ok(Read::Records(records))
    }

    async fn acknowledge(&mut self) -> Result<()> {
        // The inner reader has given more than is safe: another time.
        match self.kept {
            Some(_) => Ok(()),
            None => self.inner.acknowledge().await,
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        self.inner.open_partitions()
    }

    fn lag(&self) -> Option<Arc<dyn Lag>> {
        self.inner.lag()
    }

    fn positions(&self) -> Vec<Position> {
        let mut positions = self.inner.positions();
        if let Some(kept) = &self.kept {
            let is_kept = |position: &Position| position.partition == kept.records.partition;
            match &kept.before {
                Some(before) => {
                    let place = positions.iter_mut().find(|position| is_kept(position));
                    match place {
                        Some(place) => *place = before.clone(),
                        None => positions.push(before.clone()),
                    }
                }
                None => positions.retain(|position| !is_kept(position)),
            }
        }
        positions
    }
}
