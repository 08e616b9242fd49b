//! The source: a reader a lane, each with its own blocks of rows.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use azud_connect::{
    CHUNK_RECORDS, OpenList, OpenPartitions, Payload, Read, Records, Source, SourceContext,
    SourceReader,
};
use azud_model::{Clock, Error, Position, Result};

use crate::blocks::{Blocks, PARTITIONS, Share};
use crate::column::Column;
use crate::options::GeneratorOptions;
use crate::pace::Pace;

/// A chunk of wide rows ends at about so many bytes.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Makes rows of a manifest's columns.
pub struct Generator {
    node: String,
    schema: SchemaRef,
    columns: Arc<[Column]>,
    rows: u64,
    rate: Option<u64>,
    lanes: usize,
    clock: Arc<dyn Clock>,
}

struct Reader {
    schema: SchemaRef,
    columns: Arc<[Column]>,
    blocks: Blocks,
    /// The partition whose rows are being made.
    open: OpenList,
    pace: Option<Pace>,
    /// Rows of a chunk, at most.
    chunk: u64,
    clock: Arc<dyn Clock>,
}

// === impl Generator ===

impl Generator {
    /// A generator of a node.
    ///
    /// # Errors
    /// `Invalid`, naming the column that cannot be made, or if a finite run would never end.
    pub fn new(options: &GeneratorOptions, context: &SourceContext) -> Result<Self> {
        if context.finite && options.rows.is_none() {
            return Err(Error::invalid(
                "a generator without `rows` never ends, and `trigger: once` reads to the end: add `rows`",
            ));
        }
        if options.rows_per_second == Some(0) {
            return Err(Error::invalid("`rows_per_second` must be at least 1"));
        }
        if options.columns.is_empty() {
            return Err(Error::invalid("`columns` is empty: a row needs one"));
        }
        let columns = options.columns.iter();
        let columns = columns
            .map(|(name, column)| Column::new(name, column, options.seed))
            .collect::<Result<Arc<[_]>>>()?;
        Ok(Self {
            node: context.node.clone(),
            schema: Arc::new(Schema::new(
                columns.iter().map(Column::field).collect::<Vec<_>>(),
            )),
            columns,
            rows: options.rows.unwrap_or(u64::MAX),
            rate: options.rows_per_second,
            lanes: context.lanes,
            clock: context.clock.clone(),
        })
    }

    /// Rows of a chunk, at most.
    fn chunk(&self) -> u64 {
        let width: usize = self.columns.iter().map(Column::width).sum();
        (CHUNK_BYTES / width.max(1)).clamp(1, CHUNK_RECORDS) as u64
    }
}

#[async_trait]
impl Source for Generator {
    fn schema(&self) -> Option<SchemaRef> {
        Some(self.schema.clone())
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let readers = (self.lanes as u64).clamp(1, PARTITIONS);
        let blocks = (0..readers).map(|reader| {
            let mut blocks = Blocks::new(&self.node, self.rows, reader, readers);
            blocks.resume(resume)?;
            Ok(blocks)
        });
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        // The rate is one for all readers: each row has its own moment.
        let shares = blocks.iter().filter_map(Blocks::next);
        let first = shares.map(|share| share.rows.start).min().unwrap_or(0);
        let start = self.clock.elapsed();
        let reader = |blocks| -> Box<dyn SourceReader> {
            Box::new(Reader {
                schema: self.schema.clone(),
                columns: self.columns.clone(),
                blocks,
                open: OpenList::default(),
                pace: self.rate.map(|rate| Pace::new(rate, start, first)),
                chunk: self.chunk(),
                clock: self.clock.clone(),
            })
        };
        Ok(blocks.into_iter().map(reader).collect())
    }
}

// === impl Reader ===

impl Reader {
    fn records(&mut self, share: Share, end: u64) -> Result<Records> {
        let rows = share.rows.start..end;
        let now_ms = self.clock.wall_ms();
        let columns = self.columns.iter();
        let columns = columns
            .map(|column| column.make(rows.clone(), now_ms))
            .collect::<Result<_>>()?;
        self.blocks.made(&share, end);
        Ok(Records {
            partition: share.partition,
            first: rows.start,
            positions: None,
            payload: Payload::default(),
            bad: Vec::new(),
            header: None,
            metadata: Some(RecordBatch::try_new(self.schema.clone(), columns)?),
        })
    }
}

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        loop {
            let Some(share) = self.blocks.next() else {
                return Ok(Read::End);
            };
            let start = share.rows.start;
            let mut end = share.rows.end.min(start.saturating_add(self.chunk));
            if let Some(pace) = &self.pace {
                let now = self.clock.elapsed();
                end = end.min(pace.due(now));
                if end <= start {
                    // The others come later, in the order of their rows, each at its time.
                    self.open.set(share.has_begun().then_some(share.partition));
                    // Nothing is made yet: the wait can be cut short.
                    tokio::time::sleep(pace.wait(now, start)).await;
                    continue;
                }
            }
            self.open.set(Some(share.partition.clone()));
            return Ok(Read::Records(self.records(share, end)?));
        }
    }

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        Some(Arc::new(self.open.clone()))
    }

    fn positions(&self) -> Vec<Position> {
        self.blocks.positions()
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "promises_tests.rs"]
mod promises;

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
