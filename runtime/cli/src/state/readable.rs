//! Rows of state for people: what a column has no text for in a form that has one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StringArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_connect::{Format, encoder};

/// A column in which dates and times that no calendar has are numbers with their unit.
pub(super) fn shown(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    made(column, &|column| match column.data_type().is_temporal() {
        true => times(column, false),
        false => Ok(column.clone()),
    })
}

/// Rows in which times of day and durations are texts: SQL, and so JSON and CSV, has no such types.
pub(super) fn sayable(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let says = |column: &ArrayRef| match column.data_type() {
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => times(column, true),
        _ => Ok(column.clone()),
    };
    let columns = rows.columns().iter().map(|column| made(column, &says));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let schema = rows.schema();
    let fields = schema.fields().iter().zip(&columns);
    let fields: Fields = fields
        .map(|(field, column)| retyped(field, column.data_type()))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// A column of which, wherever they are in it, plain columns were made others.
fn made(
    column: &ArrayRef,
    plain: &dyn Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    Ok(match column.data_type() {
        DataType::Struct(_) => Arc::new(made_struct(column.as_struct(), plain)?),
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let values = made(list.values(), plain)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            let field = retyped(field, values.data_type());
            Arc::new(ListArray::try_new(Arc::new(field), offsets, values, nulls)?)
        }
        DataType::Map(field, ordered) => {
            let map = column.as_map();
            let entries = made_struct(map.entries(), plain)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let field = Arc::new(retyped(field, entries.data_type()));
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, *ordered)?)
        }
        _ => plain(column)?,
    })
}

fn made_struct(
    all: &StructArray,
    plain: &dyn Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<StructArray, ArrowError> {
    let columns = all.columns().iter().map(|column| made(column, plain));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let fields = all.fields().iter().zip(&columns);
    let fields: Fields = fields
        .map(|(field, column)| retyped(field, column.data_type()))
        .collect();
    StructArray::try_new_with_length(fields, columns, all.nulls().cloned(), all.len())
}

fn retyped(field: &Field, data_type: &DataType) -> Field {
    field.clone().with_data_type(data_type.clone())
}

/// The column itself, if all of its values have a text, and it need not be one.
fn times(column: &ArrayRef, as_text: bool) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options).ok();
    let text = |row: usize| formatter.as_ref()?.value(row).try_to_string().ok();
    let texts: Vec<Option<String>> = (0..column.len()).map(text).collect();
    let stays = !as_text && texts.iter().all(Option::is_some);
    let (Some(unit), false) = (unit(column.data_type()), stays) else {
        return Ok(column.clone());
    };
    let numbers = match column.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(column, &DataType::Int32)?,
        _ => column.clone(),
    };
    let numbers = cast(&cast(&numbers, &DataType::Int64)?, &DataType::Utf8)?;
    let numbers = numbers.as_string::<i32>();
    let texts = texts.into_iter().enumerate().map(|(row, text)| {
        let number = || format!("{} {unit}", numbers.value(row));
        column.is_valid(row).then(|| text.unwrap_or_else(number))
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn unit(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Date32 => "days",
        DataType::Date64 => "ms",
        DataType::Timestamp(unit, _)
        | DataType::Time32(unit)
        | DataType::Time64(unit)
        | DataType::Duration(unit) => match unit {
            TimeUnit::Second => "s",
            TimeUnit::Millisecond => "ms",
            TimeUnit::Microsecond => "us",
            TimeUnit::Nanosecond => "ns",
        },
        _ => return None,
    })
}

/// Rows in which what is nested is text, of JSON: for formats that have plain columns only.
pub(super) fn flat(rows: &RecordBatch) -> Result<RecordBatch, String> {
    let schema = rows.schema();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        let nested = field.data_type().is_nested();
        columns.push(match nested {
            true => json(field.name(), column)?,
            false => column.clone(),
        });
        fields.push(match nested {
            true => Field::new(field.name(), DataType::Utf8, true),
            false => field.as_ref().clone(),
        });
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| error.to_string())
}

fn json(name: &str, column: &ArrayRef) -> Result<ArrayRef, String> {
    let rows = RecordBatch::try_from_iter_with_nullable([(name, column.clone(), true)]);
    let rows = rows.map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    let mut json = encoder(Format::Json, &rows.schema()).map_err(|error| error.to_string())?;
    json.encode(&rows, &mut lines)
        .map_err(|error| error.to_string())?;
    let lines = String::from_utf8_lossy(&lines);
    // A line is an object of this column alone, or an empty one where it is null.
    let before = format!("{{{}:", serde_json::Value::from(name));
    let value = |line: &str| {
        let value = line.strip_prefix(&before)?.strip_suffix('}')?;
        Some(value.to_owned())
    };
    let texts: StringArray = lines.lines().map(value).collect();
    Ok(Arc::new(texts))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date32Array, Int64Array, Time64MicrosecondArray, TimestampMicrosecondArray,
        TimestampSecondArray,
    };
    use arrow::buffer::OffsetBuffer;

    use super::*;

    fn texts(column: ArrayRef) -> Vec<String> {
        let column = shown(&column).unwrap();
        let options = FormatOptions::default().with_null("NULL");
        let texts = ArrayFormatter::try_new(column.as_ref(), &options).unwrap();
        (0..column.len())
            .map(|row| texts.value(row).to_string())
            .collect()
    }

    #[test]
    fn what_no_calendar_has_is_a_number_with_its_unit() {
        let micros = vec![Some(0), None, Some(i64::MAX)];
        let micros = TimestampMicrosecondArray::from(micros).with_timezone("UTC");
        assert_eq!(
            texts(Arc::new(micros)),
            ["1970-01-01T00:00:00Z", "NULL", "9223372036854775807 us"]
        );
        let seconds = TimestampSecondArray::from(vec![i64::MIN, 1]);
        assert_eq!(
            texts(Arc::new(seconds)),
            ["-9223372036854775808 s", "1970-01-01T00:00:01"]
        );
        let days = Date32Array::from(vec![i32::MAX, 0]);
        assert_eq!(texts(Arc::new(days)), ["2147483647 days", "1970-01-01"]);
        let times = Time64MicrosecondArray::from(vec![-1, 1_000_000]);
        assert_eq!(texts(Arc::new(times)), ["-1 us", "00:00:01"]);
        let zone = TimestampMicrosecondArray::from(vec![5]).with_timezone("no/zone");
        assert_eq!(texts(Arc::new(zone)), ["5 us"]);
    }

    #[test]
    fn within_what_is_nested_as_well() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MAX), None, Some(0)]));
        let field = Arc::new(Field::new("item", DataType::Date32, true));
        let offsets = OffsetBuffer::from_lengths([2, 1]);
        let list: ArrayRef = Arc::new(ListArray::new(field, offsets, days, None));
        let n: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let both = StructArray::from(vec![
            (
                Arc::new(Field::new("l", list.data_type().clone(), true)),
                list,
            ),
            (Arc::new(Field::new("n", DataType::Int64, true)), n),
        ]);
        assert_eq!(
            texts(Arc::new(both)),
            [
                "{l: [2147483647 days, NULL], n: 7}",
                "{l: [1970-01-01], n: 8}"
            ]
        );
    }

    #[test]
    fn what_sql_has_no_type_for_is_a_text() {
        use arrow::array::DurationMillisecondArray;
        let time: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![Some(-1), None]));
        let length: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![1_500, 0]));
        let field = Arc::new(Field::new("d", length.data_type().clone(), true));
        let both: ArrayRef = Arc::new(StructArray::from(vec![(field, length)]));
        let rows = RecordBatch::try_from_iter([("t", time), ("s", both)]).unwrap();
        let rows = sayable(&rows).unwrap();
        let line = |row| String::from_utf8(azud_connect::row_json(&rows, row)).unwrap();
        assert_eq!(line(0), r#"{"t":"-1 us","s":{"d":"PT1.5S"}}"#);
        assert_eq!(line(1), r#"{"s":{"d":"P0D"}}"#);
    }

    #[test]
    fn what_is_nested_is_a_text_of_json() {
        let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(9)]));
        let fields = Fields::from(vec![Field::new("a\"b", DataType::Int64, true)]);
        let nulls = Some(vec![true, true, false].into());
        let both: ArrayRef = Arc::new(StructArray::new(fields, vec![n.clone()], nulls));
        let rows = RecordBatch::try_from_iter([("n", n), ("of\"it", both)]).unwrap();
        let rows = flat(&rows).unwrap();
        assert_eq!(*rows.column(0).data_type(), DataType::Int64);
        let texts: Vec<Option<&str>> = rows.column(1).as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some(r#"{"a\"b":7}"#), Some("{}"), None]);
    }
}
