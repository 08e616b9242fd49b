//! The names of a keyed plugin's rows of state, for people: bytes in a checkpoint.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_model::{Result, key_bytes};
use azud_state::StateRecord;

use super::readable::shown;

/// The columns that say what a row is of, see `docs/checkpoint.md`.
const STATE: &str = "_state";
const ROW: &str = "_row";

/// What rows of timers have in place of the name of a state.
const TIMERS: &str = "_timers";

/// Rows of state in which names are texts: of a map's entry its key, of a list's row its number,
/// of a timer what it goes by; a value has none. Other rows of state are left as they are.
pub(super) fn named(state: &StateRecord, rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = rows.schema();
    let (Some((of, _)), Some((place, field))) =
        (schema.column_with_name(STATE), schema.column_with_name(ROW))
    else {
        return Ok(rows.clone());
    };
    let (of, names) = (rows.column(of), rows.column(place));
    let (Some(of), Some(names)) = (of.as_string_opt::<i32>(), names.as_binary_opt::<i32>()) else {
        return Ok(rows.clone());
    };
    let mut texts: Vec<Option<String>> = vec![None; rows.num_rows()];
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        let Some(columns) = column.as_struct_opt() else {
            continue;
        };
        let own = (0..rows.num_rows()).filter(|row| of.value(*row) == field.name());
        let own: Vec<usize> = own.filter(|row| !names.value(*row).is_empty()).collect();
        let is_list = is_list(state, field.name());
        let mut entries = match is_list || own.is_empty() {
            true => Entries::default(),
            false => Entries::of(columns)?,
        };
        for row in own {
            let name = names.value(row);
            let text = match is_list {
                true => number(name),
                false => entries.take(row, name),
            };
            if let Some(slot) = texts.get_mut(row) {
                *slot = text;
            }
        }
    }
    for (row, slot) in texts.iter_mut().enumerate() {
        let name = names.value(row);
        if of.value(row) == TIMERS {
            *slot = timer(name).map(str::to_owned);
        }
        // What nobody can read stays bytes.
        if slot.is_none() && !name.is_empty() {
            *slot = Some(name.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    let mut columns = rows.columns().to_vec();
    if let Some(column) = columns.get_mut(place) {
        *column = Arc::new(texts.into_iter().collect::<StringArray>());
    }
    let text = Arc::new(Field::new(field.name(), DataType::Utf8, true));
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(number, field)| match number == place {
        true => text.clone(),
        false => field.clone(),
    });
    let schema = Schema::new(fields.collect::<Fields>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

/// The keys of a map's entries. How many of its columns they are is not recorded: they are those
/// whose canonical bytes the name is.
#[derive(Default)]
struct Entries(Vec<(Vec<Vec<u8>>, Vec<String>)>);

// === impl Entries ===

impl Entries {
    fn of(all: &StructArray) -> Result<Self> {
        let mut known = Vec::new();
        for count in 1..=all.columns().len() {
            let (fields, columns) = (all.fields(), all.columns());
            let columns: Vec<ArrayRef> = columns.iter().take(count).cloned().collect();
            if columns.iter().any(|column| column.data_type().is_nested()) {
                break;
            }
            let bytes = key_bytes(&columns, all.len())?;
            let fields: Fields = fields.iter().take(count).cloned().collect();
            let entries: ArrayRef = Arc::new(StructArray::try_new(fields, columns, None)?);
            known.push((bytes, drawn(&entries)?));
        }
        Ok(Self(known))
    }

    /// The text of the entry in a row.
    fn take(&mut self, row: usize, name: &[u8]) -> Option<String> {
        let mut known = self.0.iter_mut();
        let (_, texts) = known.find(|(bytes, _)| {
            let bytes = bytes.get(row);
            bytes.is_some_and(|bytes| bytes == name)
        })?;
        texts.get_mut(row).map(std::mem::take)
    }
}

/// The text of each value: `{item: pen}`.
fn drawn(column: &ArrayRef) -> Result<Vec<String>> {
    let column = shown(column)?;
    let options = FormatOptions::default().with_null("NULL");
    let texts = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let text = |row| texts.value(row).to_string();
    Ok((0..column.len()).map(text).collect())
}

/// Whether a state is a list, by the words that its node's state is recorded with.
fn is_list(state: &StateRecord, name: &str) -> bool {
    let words = format!(" list {name}(");
    let mut places = state.shape.computes.match_indices(&words);
    places.any(|(at, _)| {
        let before = state.shape.computes.get(..at).unwrap_or_default();
        before.ends_with([':', ';'])
    })
}

/// Which row of a list it is, from 0 on.
fn number(name: &[u8]) -> Option<String> {
    let number = u64::from_be_bytes(name.try_into().ok()?);
    Some(number.to_string())
}

fn timer(name: &[u8]) -> Option<&'static str> {
    match name.first()? {
        0 => Some("event time"),
        1 => Some("processing time"),
        _ => None,
    }
}
