//! Rows whose key has not been seen: Spark's `dropDuplicates`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray, UInt8Array,
    UInt64Array,
};
use arrow::compute::{concat_batches, filter, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use azud_model::{Batch, Epoch, Error, KEY_GROUP, ORDER, Result, Watermark, key_groups};

use crate::aggregate::{GroupKeys, failed};
use crate::state_rows::{BEFORE_KEY, last_rows, time_type};
use crate::{Collector, Held, Operator, StateShape};

/// So many keys are borne before those that have expired are looked for.
const MIN_KEYS: usize = 64;

/// Which rows are duplicates, and for how long that is known.
#[derive(Clone, Debug)]
pub struct Distinct {
    /// The columns that make rows equal; null equals null.
    pub keys: Vec<usize>,
    /// A key is forgotten once the watermark is at the time of its first row plus so many
    /// microseconds: a column of timestamps, and the length. `None`: never.
    pub expires: Option<(usize, i64)>,
    /// What a key without a time does: it is kept for ever, or forgotten at the next watermark.
    pub keeps_untimed: bool,
    /// The columns of rows.
    pub schema: SchemaRef,
    /// What is computed, in words.
    pub computes: String,
}

/// Hands on the first row of each key.
///
/// Late rows have been taken out before. As in Spark (`StreamingDeduplicateExec`,
/// `StreamingDeduplicateWithinWatermarkExec`), which row is the first among those of an epoch
/// that several lanes or partitions give is not fixed.
pub struct Deduplicate {
    distinct: Distinct,
    keys: GroupKeys,
    /// By number of the key, when it is forgotten.
    expires: Vec<i64>,
    watermark: Watermark,
    /// How many keys were left when they were last counted.
    left: usize,
    order: u64,
    /// What the epoch has put; where nobody asks, until the next one puts something.
    changed: Vec<RecordBatch>,
    /// Whether what it has put is of an epoch that has ended.
    has_ended: bool,
}

// === impl Distinct ===

impl Distinct {
    fn key_fields(&self) -> Vec<Arc<Field>> {
        let field = |key: &usize| self.schema.fields().get(*key).cloned();
        self.keys.iter().filter_map(field).collect()
    }

    /// Rows of state: when a key is forgotten, and the key.
    fn shape(&self) -> StateShape {
        let mut fields = vec![
            Arc::new(Field::new(KEY_GROUP, DataType::UInt8, false)),
            Arc::new(Field::new(ORDER, DataType::UInt64, false)),
            Arc::new(Field::new("expires", time_type(), false)),
        ];
        fields.extend(self.key_fields());
        StateShape {
            schema: Arc::new(Schema::new(fields)),
            keys: 1 + self.keys.len(),
            computes: self.computes.clone(),
        }
    }
}

// === impl Deduplicate ===

impl Deduplicate {
    /// # Errors
    /// `Internal` if the keys have no equality.
    pub fn new(distinct: Distinct) -> Result<Self> {
        let keys = Arc::new(Schema::new(distinct.key_fields()));
        Ok(Self {
            keys: GroupKeys::new(&keys).map_err(failed)?,
            distinct,
            expires: Vec::new(),
            watermark: Watermark::NONE,
            left: 0,
            order: 0,
            changed: Vec::new(),
            has_ended: false,
        })
    }

    /// When the key of each row would be forgotten.
    fn expiries(&self, rows: &RecordBatch) -> Result<Vec<i64>> {
        let Some((column, delay)) = self.distinct.expires else {
            return Ok(vec![i64::MAX; rows.num_rows()]);
        };
        let times = rows.columns().get(column).map(time_of);
        let times = times.as_ref();
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.ok_or_else(|| Error::internal("a duplicate has no time"))?;
        let untimed = match self.distinct.keeps_untimed {
            true => i64::MAX,
            // Until the watermark moves.
            false => self.watermark.time.saturating_add(1),
        };
        let expires = times.iter();
        Ok(expires
            .map(|time| time.map_or(untimed, |time| time.saturating_add(delay)))
            .collect())
    }

    fn is_over(&self, expires: i64) -> bool {
        // Some are kept for ever.
        self.watermark != Watermark::NONE && expires <= self.watermark.time && expires != i64::MAX
    }

    /// Which rows are the first of their key; it is known from now on.
    fn first(&mut self, keys: &[ArrayRef], expires: &[i64]) -> Result<BooleanArray> {
        let mut numbers = Vec::new();
        let numbered = self.keys.number(keys, expires.len(), &mut numbers);
        numbered.map_err(failed)?;
        // Before the watermark, none that is known is over.
        self.expires.resize(self.keys.len(), i64::MIN);
        let mut first = Vec::with_capacity(expires.len());
        for (number, new) in numbers.iter().zip(expires) {
            let known = self.expires.get(*number).copied().unwrap_or(i64::MIN);
            let is_first = known == i64::MIN || self.is_over(known);
            if let Some(slot) = self.expires.get_mut(*number).filter(|_| is_first) {
                *slot = *new;
            }
            first.push(is_first);
        }
        Ok(first.into())
    }

    /// Notes new keys for the checkpoint.
    fn put(&mut self, keys: &[ArrayRef], expires: &[i64], first: &BooleanArray) -> Result<()> {
        let keys = keys.iter().map(|key| Ok(filter(key, first)?));
        let keys = keys.collect::<Result<Vec<ArrayRef>>>()?;
        let rows = first.true_count();
        let expires = expires.iter().zip(first.values());
        let expires = expires.filter(|(_, first)| *first).map(|(at, _)| *at);
        let expires = TimestampMicrosecondArray::from_iter_values(expires).with_timezone("UTC");
        let order = (self.order..).take(rows);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(key_groups(&keys, rows)?)),
            Arc::new(UInt64Array::from_iter_values(order)),
            Arc::new(expires),
        ];
        self.order += rows as u64;
        columns.extend(keys);
        let schema = self.distinct.shape().schema;
        self.changed.push(RecordBatch::try_new(schema, columns)?);
        Ok(())
    }

    /// Forgets keys that are over, once they may be half of all.
    fn forget(&mut self) -> Result<()> {
        let is_end = self.watermark == Watermark::END && self.distinct.expires.is_some();
        if !is_end && self.expires.len() < MIN_KEYS.max(2 * self.left) {
            return Ok(());
        }
        let keep = self.expires.iter().map(|expires| !self.is_over(*expires));
        let keep: BooleanArray = keep.map(Some).collect();
        self.left = keep.true_count();
        if !is_end && self.left == keep.len() {
            return Ok(());
        }
        let keys = self.keys.take().map_err(failed)?;
        let keys = keys.iter().map(|key| Ok(filter(key, &keep)?));
        let keys = keys.collect::<Result<Vec<ArrayRef>>>()?;
        let mut kept = keep.iter();
        self.expires.retain(|_| kept.next().flatten() == Some(true));
        let mut numbers = Vec::new();
        let numbered = self.keys.number(&keys, self.left, &mut numbers);
        numbered.map_err(failed)?;
        if is_end {
            // Those that are kept for ever are all that the epoch puts.
            self.changed.clear();
            let all = BooleanArray::from(vec![true; self.left]);
            self.put(&keys, &self.expires.clone(), &all)?;
        }
        Ok(())
    }
}

/// A time, or of a window its end.
fn time_of(column: &ArrayRef) -> ArrayRef {
    let window = column.as_struct_opt();
    let end = window.and_then(|window| window.column_by_name("end"));
    end.unwrap_or(column).clone()
}

impl Operator for Deduplicate {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        if std::mem::take(&mut self.has_ended) {
            self.changed.clear();
        }
        let rows = batch.columns();
        let key = |key: &usize| rows.columns().get(*key).cloned();
        let keys: Vec<ArrayRef> = self.distinct.keys.iter().filter_map(key).collect();
        let expires = self.expiries(rows)?;
        let first = self.first(&keys, &expires)?;
        match first.true_count() {
            0 => Ok(()),
            count => {
                self.put(&keys, &expires, &first)?;
                match count == batch.rows() {
                    true => out.emit(0, batch),
                    false => out.emit(0, batch.filter(&first)?),
                }
            }
        }
    }

    fn watermark(&mut self, watermark: Watermark, _out: &mut dyn Collector) -> Result<()> {
        self.watermark = self.watermark.join(watermark);
        self.forget()
    }

    fn end_epoch(&mut self, _epoch: &Epoch, _out: &mut dyn Collector) -> Result<()> {
        self.has_ended = true;
        Ok(())
    }

    fn state(&self) -> Option<StateShape> {
        Some(self.distinct.shape())
    }

    fn held(&self) -> Vec<Held> {
        let delay = self.distinct.expires.map_or(0, |(_, delay)| delay);
        let alive = self.expires.iter().copied();
        let alive = alive.filter(|expires| !self.is_over(*expires));
        vec![Held::until("keys that were seen", alive, delay)]
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        let changed = std::mem::take(&mut self.changed);
        let Some(first) = changed.first() else {
            return Ok(None);
        };
        Ok(Some(concat_batches(&first.schema(), &changed)?))
    }

    fn forgotten_below(&self) -> Option<i64> {
        match self.watermark == Watermark::NONE || self.distinct.expires.is_none() {
            true => None,
            false => Some(self.watermark.time.saturating_add(1)),
        }
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in last_rows(&self.distinct.shape(), rows)? {
            let expires = rows.column(BEFORE_KEY);
            let expires = expires.as_primitive::<TimestampMicrosecondType>().clone();
            let alive = expires.values().iter().map(|at| !self.is_over(*at));
            let alive: BooleanArray = alive.map(Some).collect();
            let rows = filter_record_batch(&rows, &alive)?;
            let keys = rows.columns().get(BEFORE_KEY + 1..).unwrap_or_default();
            let mut numbers = Vec::new();
            let numbered = self.keys.number(keys, rows.num_rows(), &mut numbers);
            numbered.map_err(failed)?;
            self.expires.resize(self.keys.len(), i64::MIN);
            let expires = rows.column(BEFORE_KEY);
            let expires = expires.as_primitive::<TimestampMicrosecondType>();
            for (number, at) in numbers.iter().zip(expires.values()) {
                if let Some(slot) = self.expires.get_mut(*number) {
                    *slot = (*slot).max(*at);
                }
            }
        }
        self.order = self.expires.len() as u64;
        Ok(())
    }
}
