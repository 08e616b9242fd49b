//! The rows of one side of a join that rows of the other side may still match.

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, interleave, interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use azud_model::{Error, Result};

/// Ends a chain of rows; the key of rows that are equal to nothing.
pub(super) const NONE: u32 = u32::MAX;

/// Chunks are not merged beyond so many rows, nor bytes: offsets of text have 32 bits.
const MAX_CHUNK_ROWS: usize = 1 << 16;
const MAX_CHUNK_BYTES: usize = 128 << 20;

/// Rows in chunks, each row in the chain of its key: oldest first.
///
/// A row keeps its number until [`Side::rebuild`]; dead ones stay in their chunks until then.
pub(super) struct Side {
    schema: SchemaRef,
    chunks: Vec<Chunk>,
    rows: Vec<Row>,
    /// By key number, the first and the last row of its chain.
    chains: Vec<(u32, u32)>,
    dead: usize,
}

struct Chunk {
    /// The number of its first row.
    first: usize,
    columns: RecordBatch,
    /// When the first of its rows expires; `i64::MAX` once all are dead.
    expires: i64,
}

/// What is known of a row beside its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The number of its key.
    pub(super) key: u32,
    next: u32,
    /// It can match no row that comes once the watermark is here.
    pub(super) expires: i64,
    /// Its number in the order in which the operator has seen rows, over restarts.
    pub(super) order: u64,
    /// Whether a row of the other side has matched it.
    pub(super) is_matched: bool,
    is_dead: bool,
}

// === impl Row ===

impl Row {
    pub(super) fn new(key: u32, expires: i64, order: u64, is_matched: bool) -> Self {
        Self {
            key,
            next: NONE,
            expires,
            order,
            is_matched,
            is_dead: false,
        }
    }
}

// === impl Side ===

impl Side {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            chunks: Vec::new(),
            rows: Vec::new(),
            chains: Vec::new(),
            dead: 0,
        }
    }

    /// How many rows are alive.
    pub(super) fn alive(&self) -> usize {
        self.rows.len() - self.dead
    }

    /// How many rows are dead and still there.
    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    pub(super) fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(number as usize)
    }

    /// The rows of a key that are alive, oldest first.
    pub(super) fn of_key(&self, key: u32) -> impl Iterator<Item = u32> {
        let first = self.chains.get(key as usize).map(|(first, _)| *first);
        let links = std::iter::successors(first.filter(|first| *first != NONE), |row| {
            self.row(*row)
                .map(|row| row.next)
                .filter(|next| *next != NONE)
        });
        links.filter(|row| self.row(*row).is_some_and(|row| !row.is_dead))
    }

    /// Adds rows; answers the number of the first.
    ///
    /// # Errors
    /// `Internal` unless there is one of `rows` for each row of `columns`.
    pub(super) fn add(&mut self, columns: RecordBatch, rows: &[Row]) -> Result<u32> {
        if columns.num_rows() != rows.len() {
            return Err(Error::internal("a join stores rows that it does not know"));
        }
        let first = self.rows.len();
        let number = u32::try_from(first + rows.len())
            .ok()
            .filter(|end| *end != NONE);
        if number.is_none() {
            return Err(Error::internal("a join holds more than 4 billion rows"));
        }
        for row in rows {
            self.link(*row);
        }
        if !rows.is_empty() {
            let expires = rows.iter().map(|row| row.expires).min();
            self.chunks.push(Chunk {
                first,
                columns,
                expires: expires.unwrap_or(i64::MAX),
            });
            self.merge_newest()?;
        }
        Ok(first as u32)
    }

    fn link(&mut self, row: Row) {
        let number = self.rows.len() as u32;
        if row.key == NONE {
            self.rows.push(row);
            return;
        }
        let key = row.key as usize;
        if self.chains.len() <= key {
            self.chains.resize(key + 1, (NONE, NONE));
        }
        if let Some((first, last)) = self.chains.get_mut(key) {
            match self.rows.get_mut(*last as usize) {
                Some(before) => before.next = number,
                None => *first = number,
            }
            *last = number;
        }
        self.rows.push(row);
    }

    /// Newer chunks are merged into those before them of at most twice their size.
    fn merge_newest(&mut self) -> Result<()> {
        while let [.., older, newer] = self.chunks.as_slice() {
            let (old, new) = (older.columns.num_rows(), newer.columns.num_rows());
            let bytes =
                older.columns.get_array_memory_size() + newer.columns.get_array_memory_size();
            if old > 2 * new || old + new > MAX_CHUNK_ROWS || bytes > MAX_CHUNK_BYTES {
                break;
            }
            let merged = Chunk {
                first: older.first,
                columns: concat_batches(&self.schema, [&older.columns, &newer.columns])?,
                expires: older.expires.min(newer.expires),
            };
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(merged);
        }
        Ok(())
    }

    /// The columns of these rows, in their order.
    ///
    /// # Errors
    /// `Internal` if there is no such row.
    pub(super) fn gather(&self, rows: &[u32]) -> Result<RecordBatch> {
        if let [chunk] = self.chunks.as_slice() {
            let rows = UInt32Array::from(rows.to_vec());
            return Ok(take_record_batch(&chunk.columns, &rows)?);
        }
        if rows.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        }
        let chunks: Vec<&RecordBatch> = self.chunks.iter().map(|chunk| &chunk.columns).collect();
        Ok(interleave_record_batch(&chunks, &self.places(rows)?)?)
    }

    /// The chunk of each row, and its place there.
    pub(super) fn places(&self, rows: &[u32]) -> Result<Vec<(usize, usize)>> {
        let place = |row: &u32| {
            let row = *row as usize;
            let chunk = self.chunks.partition_point(|chunk| chunk.first <= row);
            let chunk = chunk.checked_sub(1)?;
            Some((chunk, row - self.chunks.get(chunk)?.first))
        };
        let places = rows.iter().map(place).collect::<Option<Vec<_>>>();
        places.ok_or_else(|| Error::internal("a row of a join is missing"))
    }

    /// One column of the rows at these places.
    ///
    /// # Errors
    /// `Internal` if there is no such column.
    pub(super) fn column(&self, places: &[(usize, usize)], column: usize) -> Result<ArrayRef> {
        let chunks = self.chunks.iter().map(|chunk| chunk.columns.columns());
        let chunks: Vec<&dyn Array> = chunks
            .filter_map(|columns| columns.get(column))
            .map(AsRef::as_ref)
            .collect();
        if chunks.len() != self.chunks.len() {
            return Err(Error::internal("a row of a join lacks a column"));
        }
        Ok(interleave(&chunks, places)?)
    }

    /// Notes that a row was matched; answers whether it is the first time.
    pub(super) fn mark(&mut self, row: u32) -> bool {
        let row = self.rows.get_mut(row as usize);
        row.is_some_and(|row| !std::mem::replace(&mut row.is_matched, true))
    }

    /// Takes a row out.
    pub(super) fn kill(&mut self, row: u32) {
        if let Some(row) = self.rows.get_mut(row as usize)
            && !std::mem::replace(&mut row.is_dead, true)
        {
            self.dead += 1;
        }
    }

    /// Takes out the rows that expire up to `time`; those of them that were never matched.
    pub(super) fn expire(&mut self, time: i64) -> Vec<u32> {
        let mut unmatched = Vec::new();
        for chunk in &mut self.chunks {
            if chunk.expires > time {
                continue;
            }
            chunk.expires = i64::MAX;
            let rows = chunk.first..chunk.first + chunk.columns.num_rows();
            let Some(own) = self.rows.get_mut(rows.clone()) else {
                continue;
            };
            for (number, row) in rows.zip(own) {
                if row.is_dead {
                    continue;
                }
                if row.expires > time {
                    chunk.expires = chunk.expires.min(row.expires);
                    continue;
                }
                row.is_dead = true;
                self.dead += 1;
                if !row.is_matched {
                    unmatched.push(number as u32);
                }
            }
        }
        unmatched
    }

    /// The rows that are alive, with what is known of them.
    pub(super) fn living(&self) -> impl Iterator<Item = (u32, &Row)> {
        let rows = (0_u32..).zip(&self.rows);
        rows.filter(|(_, row)| !row.is_dead)
    }

    /// Starts afresh, with no rows.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.schema.clone());
    }
}
