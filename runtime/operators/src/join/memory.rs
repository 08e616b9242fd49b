//! What a join remembers, and how a checkpoint keeps it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray, UInt8Array,
    UInt64Array, new_null_array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, TimestampMicrosecondType, UInt64Type};
use azud_model::{Error, Result, key_groups};

use super::plan::{BEFORE_KEYS, JoinKind, JoinPlan, LEFT};
use super::side::{NONE, Row, Side};
use crate::aggregate::{GroupKeys, failed};
use crate::state_rows::{BEFORE_KEY, last_rows};

/// So many dead rows are borne before a memory is written anew.
const MIN_DEAD: usize = 64;

/// Both sides' rows, under one numbering of keys.
pub(super) struct Memory {
    plan: Arc<JoinPlan>,
    keys: GroupKeys,
    sides: [Side; 2],
    order: u64,
    /// Rows that the epoch has stored or marked, side by side.
    changed: [BTreeSet<u32>; 2],
    /// Whether these are of an epoch that has ended.
    has_ended: bool,
}

/// What is known of the rows of a batch.
pub(super) struct Seen {
    /// The number of each row's key; `None` for a key that is equal to nothing.
    pub(super) keys: Vec<Option<u32>>,
    pub(super) expires: Vec<Option<i64>>,
    pub(super) is_matched: Vec<bool>,
    pub(super) is_rejected: Vec<bool>,
}

// === impl Memory ===

impl Memory {
    pub(super) fn new(plan: Arc<JoinPlan>) -> Result<Self> {
        let keys = Arc::new(Schema::new(plan.key_fields().to_vec()));
        let side = |number| Side::new(plan.side(number).schema.clone());
        Ok(Self {
            keys: GroupKeys::new(&keys).map_err(failed)?,
            sides: [side(LEFT), side(1)],
            order: 0,
            changed: Default::default(),
            has_ended: false,
            plan,
        })
    }

    pub(super) fn side(&self, number: usize) -> &Side {
        let [left, right] = &self.sides;
        match number {
            LEFT => left,
            _ => right,
        }
    }

    pub(super) fn other(&self, number: usize) -> &Side {
        self.side(1 - number)
    }

    fn side_mut(&mut self, number: usize) -> (&mut Side, &mut BTreeSet<u32>) {
        let ([left, right], [of_left, of_right]) = (&mut self.sides, &mut self.changed);
        match number {
            LEFT => (left, of_left),
            _ => (right, of_right),
        }
    }

    /// The number of every row's key; `None` where it is equal to nothing.
    pub(super) fn number(&mut self, rows: &RecordBatch) -> Result<Vec<Option<u32>>> {
        let keys = rows.columns().get(..self.plan.keys).unwrap_or_default();
        let mut numbers = Vec::new();
        let numbered = self.keys.number(keys, rows.num_rows(), &mut numbers);
        numbered.map_err(failed)?;
        let is_null = match self.plan.null_equals_null || keys.iter().all(|k| k.null_count() == 0) {
            true => None,
            false => Some(null_keys(keys, rows.num_rows())),
        };
        let keys = numbers.iter().enumerate().map(|(row, number)| {
            if is_null.as_ref().is_some_and(|null| null.value(row)) {
                return Ok(None);
            }
            let number = u32::try_from(*number).ok().filter(|number| *number != NONE);
            let number = number.ok_or_else(|| Error::internal("a join has too many keys"))?;
            Ok(Some(number))
        });
        keys.collect()
    }

    pub(super) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(super) fn add(&mut self, side: usize, columns: RecordBatch, rows: &[Row]) -> Result<()> {
        let (memory, changed) = self.side_mut(side);
        let first = memory.add(columns, rows)?;
        changed.extend((first..).take(rows.len()));
        Ok(())
    }

    /// Notes that a stored row was matched; answers whether it is the first time.
    pub(super) fn mark(&mut self, side: usize, row: u32) -> bool {
        let kind = self.plan.kind;
        let (memory, changed) = self.side_mut(side);
        if !memory.mark(row) {
            return false;
        }
        let is_done = kind == JoinKind::LeftSemi && side == LEFT;
        if is_done {
            memory.kill(row);
        }
        if is_done || kind.keeps(side) {
            changed.insert(row);
        }
        true
    }

    /// Takes out rows that have expired; those of them that were never matched.
    pub(super) fn expire(&mut self, side: usize, time: i64) -> Vec<u32> {
        self.side_mut(side).0.expire(time)
    }

    /// A row comes: what was told of the epoch before is forgotten, if it has ended.
    pub(super) fn begin(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.has_ended) {
            return Ok(());
        }
        self.changed.iter_mut().for_each(BTreeSet::clear);
        let dead: usize = self.sides.iter().map(Side::dead).sum();
        let alive: usize = self.sides.iter().map(Side::alive).sum();
        // Keys of rows that were never stored have numbers too.
        let spare = self.keys.len().saturating_sub(alive);
        match dead.max(spare) > alive.max(MIN_DEAD) {
            true => self.rebuild(),
            false => Ok(()),
        }
    }

    /// The rows that are left are all that the epoch puts.
    pub(super) fn put_again(&mut self) {
        for side in [LEFT, 1] {
            let (memory, changed) = self.side_mut(side);
            *changed = memory.living().map(|(row, _)| row).collect();
        }
    }

    pub(super) fn end_epoch(&mut self) {
        self.has_ended = true;
    }

    /// Writes the memory anew, without dead rows and keys that have no rows.
    fn rebuild(&mut self) -> Result<()> {
        self.keys.take().map_err(failed)?;
        for side in [LEFT, 1] {
            let living: Vec<(u32, Row)> = self
                .side(side)
                .living()
                .map(|(number, row)| (number, *row))
                .collect();
            let mut pieces = Vec::new();
            for piece in living.chunks(crate::MAX_ROWS) {
                let numbers: Vec<u32> = piece.iter().map(|(number, _)| *number).collect();
                pieces.push(self.side(side).gather(&numbers)?);
            }
            self.side_mut(side).0.clear();
            for (piece, rows) in pieces.into_iter().zip(living.chunks(crate::MAX_ROWS)) {
                let keys = self.number(&piece)?;
                let rows: Vec<Row> = rows
                    .iter()
                    .zip(keys)
                    .map(|((_, row), key)| {
                        Row::new(key.unwrap_or(NONE), row.expires, row.order, row.is_matched)
                    })
                    .collect();
                self.side_mut(side).0.add(piece, &rows)?;
            }
        }
        Ok(())
    }

    /// The rows of state that the epoch has put.
    pub(super) fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        let mut batches = Vec::new();
        for (side, changed) in [LEFT, 1].into_iter().zip(std::mem::take(&mut self.changed)) {
            let changed: Vec<u32> = changed.into_iter().collect();
            for piece in changed.chunks(crate::MAX_ROWS) {
                batches.push(self.state_rows(side, piece)?);
            }
        }
        let Some(first) = batches.first() else {
            return Ok(None);
        };
        Ok(Some(concat_batches(&first.schema(), &batches)?))
    }

    fn state_rows(&self, side: usize, numbers: &[u32]) -> Result<RecordBatch> {
        let rows = self.side(side).gather(numbers)?;
        let keys = rows.columns().get(..self.plan.keys).unwrap_or_default();
        let known: Vec<&Row> = numbers
            .iter()
            .filter_map(|number| self.side(side).row(*number))
            .collect();
        let orders = UInt64Array::from_iter_values(known.iter().map(|row| row.order));
        let expires =
            TimestampMicrosecondArray::from_iter_values(known.iter().map(|row| row.expires));
        let is_right = BooleanArray::from(vec![side != LEFT; rows.num_rows()]);
        let is_matched: BooleanArray = known.iter().map(|row| Some(row.is_matched)).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(key_groups(keys, rows.num_rows())?)),
            Arc::new(orders.clone()),
            Arc::new(expires.with_timezone("UTC")),
            Arc::new(is_right),
        ];
        columns.extend(keys.iter().cloned());
        columns.push(Arc::new(orders));
        columns.push(Arc::new(is_matched));
        for number in [LEFT, 1] {
            let own = self.plan.side(number);
            if number == side {
                columns.extend(own.own(self.plan.keys, &rows).iter().cloned());
            } else {
                let fields = own.fields(self.plan.keys).iter();
                columns
                    .extend(fields.map(|field| new_null_array(field.data_type(), rows.num_rows())));
            }
        }
        Ok(RecordBatch::try_new(self.plan.shape().schema, columns)?)
    }

    /// Goes on with rows of state, of which the last of each key counts.
    pub(super) fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in last_rows(&self.plan.shape(), rows)? {
            let orders = column(&rows, 1)?.as_primitive::<UInt64Type>().clone();
            let expires = column(&rows, BEFORE_KEY)?
                .as_primitive::<TimestampMicrosecondType>()
                .clone();
            let is_right = column(&rows, BEFORE_KEY + 1)?.as_boolean().clone();
            let after_keys = BEFORE_KEY + BEFORE_KEYS + self.plan.keys;
            let is_matched = column(&rows, after_keys + 1)?.as_boolean().clone();
            self.order = self.order.max(arrow::compute::max(&orders).unwrap_or(0));
            for side in [LEFT, 1] {
                let of_side = |row: &usize| {
                    let is_done = self.plan.kind == JoinKind::LeftSemi
                        && side == LEFT
                        && is_matched.value(*row);
                    is_right.value(*row) == (side != LEFT) && !is_done
                };
                let own: Vec<usize> = (0..rows.num_rows()).filter(of_side).collect();
                if own.is_empty() {
                    continue;
                }
                let columns = self.stored(side, &rows, &expires, &own)?;
                let keys = self.number(&columns)?;
                let known: Vec<Row> = own
                    .iter()
                    .zip(keys)
                    .map(|(row, key)| {
                        let key = key.unwrap_or(NONE);
                        let (expires, order) = (expires.value(*row), orders.value(*row));
                        Row::new(key, expires, order, is_matched.value(*row))
                    })
                    .collect();
                self.side_mut(side).0.add(columns, &known)?;
            }
        }
        Ok(())
    }

    /// Some rows of state as the rows that they were made of.
    fn stored(
        &self,
        side: usize,
        rows: &RecordBatch,
        expires: &TimestampMicrosecondArray,
        which: &[usize],
    ) -> Result<RecordBatch> {
        let plan = self.plan.side(side);
        let keys = BEFORE_KEY + BEFORE_KEYS;
        let mut columns: Vec<ArrayRef> = Vec::new();
        let all = rows.columns();
        columns.extend(
            all.get(keys..keys + self.plan.keys)
                .unwrap_or_default()
                .iter()
                .cloned(),
        );
        if let Some(reach) = plan.reach {
            let times: TimestampMicrosecondArray = expires.unary(|time| time.saturating_sub(reach));
            columns.push(Arc::new(times.with_timezone("UTC")));
        }
        let left = self.plan.side(LEFT).fields(self.plan.keys).len();
        let first = keys + self.plan.keys + 2 + if side == LEFT { 0 } else { left };
        let own = first..first + plan.fields(self.plan.keys).len();
        columns.extend(all.get(own).unwrap_or_default().iter().cloned());
        let all = RecordBatch::try_new(plan.schema.clone(), columns)?;
        let which: arrow::array::UInt32Array = which.iter().map(|row| Some(*row as u32)).collect();
        Ok(arrow::compute::take_record_batch(&all, &which)?)
    }
}

/// Which rows have a null among their keys.
fn null_keys(keys: &[ArrayRef], rows: usize) -> BooleanArray {
    let has_null = |row: usize| keys.iter().any(|key| key.is_null(row));
    (0..rows).map(|row| Some(has_null(row))).collect()
}

fn column(rows: &RecordBatch, number: usize) -> Result<&ArrayRef> {
    rows.columns()
        .get(number)
        .ok_or_else(|| Error::internal("a row of a join's state lacks a column"))
}
