//! The memory of an aggregate: one row of states for each group, in immutable chunks.
//!
//! ```text
//!  group   place            chunk 0          chunk 1
//!    0  ── (0, 0) ───────▶  to  | 7
//!    1  ── (1, 0) ─────┐    be  | 2 (dead)
//!    2  ── (0, 2) ──┐  └──────────────────▶  be  | 9
//!    3  ── (1, 1) ┐ └────▶  or  | 1
//!                 └───────────────────────▶  not | 4
//! ```
//!
//! An epoch's changed groups become a new chunk, which is exactly what a
//! checkpoint of that epoch has to write; rows that it replaces die. Nothing
//! else is touched, so that an epoch costs what it changes. Newer chunks are
//! merged into older ones of at most twice their size, and a chunk that is
//! more than half dead is rewritten: there are about log2(groups) chunks and
//! at most twice as many rows as groups.

use arrow::array::{Array, UInt32Array};
use arrow::compute::{interleave, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

use crate::project::record_batch;
use crate::reason::internal;

/// Chunks are not merged beyond so many bytes: offsets of text have 32 bits.
const MAX_CHUNK_BYTES: usize = 512 << 20;
/// Below so many rows, dead ones are not worth a rewrite.
const MIN_REWRITE_ROWS: usize = 1024;

/// Rows of keys and states by group number. See the module's picture.
#[derive(Debug)]
pub struct GroupStates {
    schema: SchemaRef,
    places: Vec<Option<Place>>,
    chunks: Vec<Chunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    chunk: u32,
    row: u32,
}

#[derive(Debug)]
struct Chunk {
    rows: RecordBatch,
    /// The group of each row, whether the row is alive or not.
    groups: Vec<usize>,
    alive: usize,
}

// === impl GroupStates ===

impl GroupStates {
    /// No group yet. `schema`: the key columns, then the state columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            places: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Whether the group has states.
    pub fn contains(&self, group: usize) -> bool {
        self.place(group).is_some()
    }

    /// How many rows the chunks hold, dead ones included.
    pub fn rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.groups.len()).sum()
    }

    /// About how many bytes the chunks take.
    pub fn bytes(&self) -> usize {
        let chunks = self.chunks.iter();
        chunks.map(|chunk| chunk.rows.get_array_memory_size()).sum()
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The rows of these groups, in their order.
    ///
    /// # Errors
    /// `Internal`, if a group has no states.
    pub fn gather(&self, groups: &[usize]) -> Result<RecordBatch> {
        if let [chunk] = self.chunks.as_slice()
            && chunk.alive == chunk.groups.len()
            && chunk.groups == groups
        {
            return Ok(chunk.rows.clone());
        }
        let at = groups
            .iter()
            .map(|group| {
                let place = self
                    .place(*group)
                    .ok_or_else(|| Error::internal(format!("group {group} has no states")))?;
                Ok((place.chunk as usize, place.row as usize))
            })
            .collect::<Result<Vec<_>>>()?;
        let columns = (0..self.schema.fields().len())
            .map(|index| {
                let chunks: Vec<&dyn Array> = self
                    .chunks
                    .iter()
                    .filter_map(|chunk| chunk.rows.columns().get(index))
                    .map(AsRef::as_ref)
                    .collect();
                if chunks.is_empty() {
                    return Ok(RecordBatch::new_empty(self.schema.clone())
                        .column(index)
                        .clone());
                }
                Ok(interleave(&chunks, &at)?)
            })
            .collect::<Result<Vec<_>>>()?;
        record_batch(&self.schema, columns, groups.len())
            .map_err(|error| internal("group states", error))
    }

    /// Replaces the rows of `groups`, or adds them: row `i` is that of `groups[i]`.
    ///
    /// # Errors
    /// `Internal`, if the rows do not have the schema.
    pub fn put(&mut self, groups: Vec<usize>, rows: RecordBatch) -> Result<()> {
        if groups.len() != rows.num_rows() {
            return Err(Error::internal("group states need one row a group"));
        }
        if groups.is_empty() {
            return Ok(());
        }
        if groups.len() >= self.places.len() && groups.iter().copied().eq(0..groups.len()) {
            // All of them, in their order: nothing else is left.
            self.places.clear();
            self.chunks.clear();
        }
        self.chunks.push(Chunk {
            rows,
            alive: 0,
            groups: Vec::new(),
        });
        let number = self.chunks.len() - 1;
        self.settle(number, groups)?;
        self.merge_newest()?;
        self.rewrite_dead()
    }

    /// Forgets the rows of groups that have some.
    pub fn remove(&mut self, groups: &[usize]) {
        for group in groups {
            let place = self.places.get_mut(*group).and_then(Option::take);
            if let Some(chunk) = place.and_then(|place| self.chunks.get_mut(place.chunk as usize)) {
                chunk.alive = chunk.alive.saturating_sub(1);
            }
        }
    }

    fn place(&self, group: usize) -> Option<Place> {
        self.places.get(group).copied().flatten()
    }

    /// Makes the rows of chunk `number` those of `groups`.
    fn settle(&mut self, number: usize, groups: Vec<usize>) -> Result<()> {
        let chunk = index(number)?;
        for (row, group) in groups.iter().enumerate() {
            if self.places.len() <= *group {
                self.places.resize(group + 1, None);
            }
            let row = index(row)?;
            if let Some(place) = self.places.get_mut(*group) {
                let old = place.replace(Place { chunk, row });
                if let Some(old) = old.and_then(|old| self.chunks.get_mut(old.chunk as usize)) {
                    old.alive = old.alive.saturating_sub(1);
                }
            }
        }
        if let Some(chunk) = self.chunks.get_mut(number) {
            chunk.alive = groups.len();
            chunk.groups = groups;
        }
        Ok(())
    }

    /// Merges the last two chunks while the older is at most twice the newer.
    fn merge_newest(&mut self) -> Result<()> {
        while let [.., older, newer] = self.chunks.as_slice() {
            let bytes = older.rows.get_array_memory_size() + newer.rows.get_array_memory_size();
            if older.alive > 2 * newer.alive || bytes > MAX_CHUNK_BYTES {
                break;
            }
            let last = self.chunks.len() - 1;
            let mut groups = self.alive_groups(last - 1);
            groups.extend(self.alive_groups(last));
            self.replace_tail(last - 1, groups)?;
        }
        Ok(())
    }

    /// Replaces chunk `from` and all after it by one with the rows of `groups`.
    fn replace_tail(&mut self, from: usize, groups: Vec<usize>) -> Result<()> {
        let rows = self.gather(&groups)?;
        for group in &groups {
            if let Some(place) = self.places.get_mut(*group) {
                *place = None;
            }
        }
        self.chunks.truncate(from);
        self.chunks.push(Chunk {
            rows,
            alive: 0,
            groups: Vec::new(),
        });
        self.settle(from, groups)
    }

    fn rewrite_dead(&mut self) -> Result<()> {
        for number in 0..self.chunks.len() {
            let Some(chunk) = self.chunks.get(number) else {
                break;
            };
            if chunk.groups.len() < MIN_REWRITE_ROWS || chunk.alive * 2 > chunk.groups.len() {
                continue;
            }
            let groups = self.alive_groups(number);
            let rows: UInt32Array = groups
                .iter()
                .filter_map(|group| self.place(*group))
                .map(|place| place.row)
                .collect::<Vec<_>>()
                .into();
            let rows = take_record_batch(&chunk.rows, &rows)?;
            if let Some(chunk) = self.chunks.get_mut(number) {
                chunk.rows = rows;
                chunk.groups = Vec::new();
            }
            self.settle(number, groups)?;
        }
        Ok(())
    }

    fn alive_groups(&self, number: usize) -> Vec<usize> {
        let Some(chunk) = self.chunks.get(number) else {
            return Vec::new();
        };
        chunk
            .groups
            .iter()
            .enumerate()
            .filter(|(row, group)| {
                self.place(**group).is_some_and(|place| {
                    place.chunk as usize == number && place.row as usize == *row
                })
            })
            .map(|(_, group)| *group)
            .collect()
    }
}

fn index(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|error| Error::internal("too many group states").because(error))
}
