//! What a checkpoint keeps: one table of all states and timers of all keys.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, UInt8Array, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter_record_batch, not, take};
use arrow::datatypes::{
    DataType, Field, Fields, Schema, TimeUnit, TimestampMicrosecondType, UInt32Type,
};
use azud_model::{Error, KEY_GROUP, ORDER, REMOVED, Result, key_groups};
use azud_operators::{StateShape, last_rows};
use azud_sandbox::StateKind;

use super::KeyedPlan;
use super::entry::Kept;
use super::store::Store;
use super::times::timer_of;

/// What the rows of timers have in place of the name of a state: no state has that.
const TIMERS: &str = "_timers";

/// Columns before the key, and after it before those of states.
const BEFORE_KEY: usize = 2;
const AFTER_KEY: usize = 4;

/// A lane's columns of text hold 2 GiB at most.
const MAX_BYTES: usize = 1 << 30;

/// Key, state and name of a row.
type Name<'a> = (u64, usize, &'a [u8]);

/// The rows of a state, and for each row of the table which of them it is.
type Spread<'a> = (Vec<&'a [u8]>, Vec<Option<u32>>);

// === impl KeyedPlan ===

impl KeyedPlan {
    /// Rows of state: the key, the state, the name of the row; whether it is removed, when it is
    /// forgotten or, of a timer, due; and in the column of its state what it is.
    pub(super) fn shape(&self) -> StateShape {
        let key = self.key.iter();
        let key = key.filter_map(|column| self.input.fields().get(*column));
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![
            Field::new(KEY_GROUP, DataType::UInt8, false),
            Field::new(ORDER, DataType::UInt64, false),
        ];
        fields.extend(key.map(|field| field.as_ref().clone().with_nullable(true)));
        fields.push(Field::new("_state", DataType::Utf8, false));
        fields.push(Field::new("_row", DataType::Binary, false));
        fields.push(Field::new(REMOVED, DataType::Boolean, false));
        fields.push(Field::new("_time", time, true));
        let states = self.states.iter();
        fields.extend(states.map(|state| {
            let columns = nullable(state.columns.fields());
            Field::new(&state.name, DataType::Struct(columns), true)
        }));
        StateShape {
            schema: Arc::new(Schema::new(fields)),
            keys: self.key.len() + 2,
            computes: self.computes.clone(),
        }
    }
}

// === impl Store ===

impl Store {
    /// What the epoch has put and removed.
    pub(super) fn changes(&self) -> Result<Option<RecordBatch>> {
        // What was put and removed within the epoch nobody need know of.
        let changed: Vec<Name<'_>> = self
            .changed
            .iter()
            .filter(|((key, state, name), was)| **was || self.is_there(*key, *state, name))
            .map(|((key, state, name), _)| (*key, *state, &**name))
            .collect();
        if changed.is_empty() {
            return Ok(None);
        }
        self.check_size(&changed)?;
        let mut keys = Vec::with_capacity(changed.len());
        let mut names: Vec<&str> = Vec::with_capacity(changed.len());
        let (mut removed, mut times) = (Vec::new(), Vec::new());
        let mut rows: Vec<Spread<'_>> = vec![Default::default(); self.states.len()];
        for (key, state, name) in &changed {
            let missing = || Error::internal("a key that has changed is not known");
            let entry = self.entries.get(key).ok_or_else(missing)?;
            keys.push(&*entry.key);
            let of_state = self.plan.states.get(*state);
            names.push(of_state.map_or(TIMERS, |state| state.name.as_str()));
            let kept = entry.states.get(*state).and_then(|rows| rows.find(name));
            let timer = timer_of(name).filter(|_| of_state.is_none());
            let timer = timer.filter(|timer| entry.timers.contains(timer));
            removed.push(kept.is_none() && timer.is_none());
            let expires = kept.map(|kept| kept.expires);
            let expires = expires.filter(|expires| *expires != i64::MAX);
            times.push(expires.or(timer.map(|(_, time)| time)));
            for (number, (rows, places)) in rows.iter_mut().enumerate() {
                let kept = kept.filter(|_| number == *state);
                places.push(kept.and_then(|_| u32::try_from(rows.len()).ok()));
                rows.extend(kept.map(|kept| &*kept.row));
            }
        }
        let keys = self.keys.decode(keys.into_iter())?;
        let orders = changed.iter().map(|(key, _, _)| *key);
        let names_of_rows = self.names(&changed)?;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(key_groups(keys.columns(), changed.len())?)),
            Arc::new(UInt64Array::from_iter_values(orders)),
        ];
        columns.extend(keys.columns().iter().cloned());
        columns.push(Arc::new(StringArray::from(names)));
        columns.push(Arc::new(BinaryArray::from_iter_values(names_of_rows)));
        columns.push(Arc::new(BooleanArray::from(removed)));
        columns.push(Arc::new(
            TimestampMicrosecondArray::from(times).with_timezone("UTC"),
        ));
        for (codec, (rows, places)) in self.states.iter().zip(rows) {
            let rows = codec.rows.decode(rows.into_iter())?;
            columns.push(Arc::new(spread(&rows, places)?));
        }
        Ok(Some(RecordBatch::try_new(
            self.plan.shape().schema,
            columns,
        )?))
    }

    /// Whether there is a row, or a timer, of a name.
    fn is_there(&self, key: u64, state: usize, name: &[u8]) -> bool {
        let Some(entry) = self.entries.get(&key) else {
            return false;
        };
        match entry.states.get(state) {
            Some(rows) => rows.find(name).is_some(),
            None => timer_of(name).is_some_and(|timer| entry.timers.contains(&timer)),
        }
    }

    /// # Errors
    /// `Invalid` if so much has changed that columns of text cannot hold it.
    fn check_size(&self, changed: &[Name<'_>]) -> Result<()> {
        let bytes = changed.iter().map(|(key, state, name)| {
            let entry = self.entries.get(key);
            let rows = entry.and_then(|entry| entry.states.get(*state));
            let row = rows.and_then(|rows| rows.find(name));
            let key = entry.map_or(0, |entry| entry.key.len());
            (key + name.len()).max(row.map_or(0, |row| row.row.len()))
        });
        match bytes.sum::<usize>() {
            0..=MAX_BYTES => Ok(()),
            bytes => Err(Error::invalid(format!(
                "an epoch has changed {} MiB of states in a lane, and {} MiB can be recorded at \
                 once: give the source a `max_bytes` or `max_rows`, which makes epochs smaller; \
                 where states were converted, give the pipeline more lanes",
                bytes >> 20,
                MAX_BYTES >> 20
            ))),
        }
    }

    /// The names of rows that have changed, as they are kept.
    fn names(&self, changed: &[Name<'_>]) -> Result<Vec<Vec<u8>>> {
        let mut names = vec![Vec::new(); changed.len()];
        for (state, codec) in self.states.iter().enumerate() {
            let own = || {
                let all = changed.iter().enumerate();
                all.filter(move |(_, (_, of, _))| *of == state)
            };
            let kept: Vec<&[u8]> = own().map(|(_, (_, _, name))| *name).collect();
            for ((place, _), name) in own().zip(codec.lasting(kept.into_iter())?) {
                if let Some(slot) = names.get_mut(place) {
                    *slot = name;
                }
            }
        }
        for (slot, (_, state, name)) in names.iter_mut().zip(changed) {
            if *state == self.states.len() {
                *slot = name.to_vec();
            }
        }
        Ok(names)
    }

    /// Goes on with rows of state, oldest first.
    pub(super) fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        let key = self.plan.key.len();
        for rows in last_rows(&self.plan.shape(), rows)? {
            let removed = rows.columns().get(BEFORE_KEY + key + 2);
            let Some(removed) = removed.and_then(|removed| removed.as_boolean_opt()) else {
                return Err(Error::internal("rows of state do not say what is removed"));
            };
            let rows = filter_record_batch(&rows, &not(removed)?)?;
            self.restore_batch(&rows, key)?;
        }
        self.end();
        Ok(())
    }

    fn restore_batch(&mut self, rows: &RecordBatch, key: usize) -> Result<()> {
        let after = BEFORE_KEY + key;
        let keys = rows.columns().get(BEFORE_KEY..after).unwrap_or_default();
        let keys = self.keys.rows(keys)?;
        let (states, names) = (rows.column(after), rows.column(after + 1));
        let (states, names) = (states.as_string::<i32>(), names.as_binary::<i32>());
        let times = rows
            .column(after + 3)
            .as_primitive::<TimestampMicrosecondType>();
        let mut encoded = Vec::with_capacity(self.states.len());
        for (number, codec) in self.states.iter().enumerate() {
            let column = rows.columns().get(after + AFTER_KEY + number);
            let column = column.and_then(|column| column.as_struct_opt());
            let missing = || Error::internal("rows of state have no column of a state");
            let columns = column.ok_or_else(missing)?.columns();
            let entries = match codec.kind {
                StateKind::Map { keys } => codec.entry_names(columns.get(..keys))?,
                StateKind::Value | StateKind::List => Vec::new(),
            };
            encoded.push((codec.rows.encode(columns)?, entries));
        }
        for (row, key) in keys.iter().enumerate() {
            let number = self.known(key.data());
            let (state, name) = (states.value(row), names.value(row));
            let time = times.is_valid(row).then(|| times.value(row));
            if state == TIMERS {
                if let Some((kind, time)) = timer_of(name) {
                    self.set_timer(number, time, kind);
                }
                continue;
            }
            let place = self.plan.states.iter().position(|own| own.name == state);
            let expires = time.unwrap_or(i64::MAX);
            let of_state = place.and_then(|place| encoded.get(place));
            let bytes = of_state.and_then(|(rows, _)| rows.get(row));
            let entry = of_state.and_then(|(_, entries)| entries.get(row));
            let name = entry.map_or(name, |entry| entry);
            let entry = self.entries.get_mut(&number);
            let rows = entry
                .zip(place)
                .and_then(|(entry, place)| entry.states.get_mut(place));
            if let Some((rows, bytes)) = rows.zip(bytes) {
                rows.put(Kept {
                    name: name.into(),
                    row: bytes.clone(),
                    expires,
                });
            }
            self.look(number, expires);
        }
        Ok(())
    }
}

/// Rows at their places in a longer table, null elsewhere.
fn spread(rows: &RecordBatch, places: Vec<Option<u32>>) -> Result<StructArray> {
    let valid: Vec<bool> = places.iter().map(Option::is_some).collect();
    let places = arrow::array::PrimitiveArray::<UInt32Type>::from(places);
    let columns = rows.columns().iter();
    let columns = columns.map(|column| Ok(take(column, &places, None)?));
    let fields = nullable(rows.schema_ref().fields());
    let nulls = Some(NullBuffer::from(valid));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(StructArray::try_new(fields, columns, nulls)?)
}

/// Fields of a struct that may be null as a whole.
fn nullable(fields: &Fields) -> Fields {
    let fields = fields.iter();
    fields
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect()
}
