//! What a topic's records are, guessed from some of them.

use arrow_json::reader::infer_json_schema_from_iterator;
use azud_connector_kafka::Sample;
use azud_model::{Column, ColumnType, TimestampUnit};
use serde_json::Value;

/// Names that a number of milliseconds has when it is a time.
const TIMES: [&str; 8] = [
    "ts",
    "time",
    "timestamp",
    "event_time",
    "eventTime",
    "created_at",
    "createdAt",
    "date",
];

/// Numbers that are milliseconds of 2001 to 2065.
const MILLIS: std::ops::Range<i64> = 1_000_000_000_000..3_000_000_000_000;

/// What a topic's values are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guess {
    /// There is no record to look at.
    Nothing,
    /// Objects, or lists of them, with these columns.
    Json {
        /// Columns that have a type.
        columns: Vec<Column>,
        /// How many values are none.
        broken: usize,
    },
    /// UTF-8.
    Text,
    /// Magic byte 0 and the id of a schema, as registries have it.
    Avro,
    /// Something else.
    Raw,
}

pub(super) fn guess(sample: &Sample) -> Guess {
    let values = || sample.records.iter().filter_map(|one| one.value.as_deref());
    let count = values().count();
    if count == 0 {
        return Guess::Nothing;
    }
    let texts: Vec<&str> = values()
        .filter_map(|value| std::str::from_utf8(value).ok())
        .collect();
    let objects: Vec<Value> = texts
        .iter()
        .filter_map(|text| objects(text))
        .flatten()
        .collect();
    let good = texts.iter().filter(|text| objects_in(text)).count();
    // A few that are broken are what `rejected` is for.
    if good * 10 >= count * 9 {
        return Guess::Json {
            columns: columns(&objects),
            broken: count - good,
        };
    }
    if texts.len() == count {
        return Guess::Text;
    }
    let is_framed = |value: &[u8]| value.len() > 5 && value.first() == Some(&0);
    match values().all(is_framed) {
        true => Guess::Avro,
        false => Guess::Raw,
    }
}

fn objects_in(text: &str) -> bool {
    objects(text).is_some()
}

/// The objects of a value: itself, or those of a list.
fn objects(text: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(text).ok()? {
        object @ Value::Object(_) => Some(vec![object]),
        Value::Array(list) if list.iter().all(Value::is_object) => Some(list),
        _ => None,
    }
}

/// The columns that hold all of the objects.
fn columns(objects: &[Value]) -> Vec<Column> {
    let Ok(schema) = infer_json_schema_from_iterator(objects.iter().map(Ok)) else {
        return Vec::new();
    };
    let known = schema.fields().iter().filter_map(|field| {
        let guessed = ColumnType::from_arrow(field.data_type())?;
        let name = field.name().clone();
        let of_column: Vec<&Value> = objects.iter().filter_map(|one| one.get(&name)).collect();
        Some(Column {
            column_type: refine(&name, guessed, &of_column),
            name,
        })
    });
    known.collect()
}

/// A time where texts or numbers are times.
fn refine(name: &str, guessed: ColumnType, values: &[&Value]) -> ColumnType {
    let present = || values.iter().filter(|value| !value.is_null());
    let all = |is: fn(&Value) -> bool| present().count() > 0 && present().all(|value| is(value));
    let is_text_time = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.len() >= 19 && text.parse::<jiff::Timestamp>().is_ok()
    };
    let is_millis = |value: &Value| value.as_i64().is_some_and(|value| MILLIS.contains(&value));
    let is_named = TIMES.contains(&name);
    match guessed {
        ColumnType::String if all(is_text_time) => ColumnType::Timestamp(TimestampUnit::default()),
        ColumnType::BigInt if is_named && all(is_millis) => {
            ColumnType::Timestamp(TimestampUnit::default())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use azud_connector_kafka::SampleRecord;

    use super::*;

    fn sample(values: &[&[u8]]) -> Sample {
        let records = values.iter().map(|value| SampleRecord {
            key: None,
            value: Some(value.to_vec()),
            has_headers: false,
        });
        Sample {
            partitions: 1,
            records: records.collect(),
        }
    }

    fn names(guess: &Guess) -> Vec<String> {
        let Guess::Json { columns, .. } = guess else {
            panic!("{guess:?}")
        };
        let names = columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.column_type));
        names.collect()
    }

    #[test]
    fn objects_have_columns_with_times_among_them() {
        let guess = guess(&sample(&[
            b"{\"user\":\"ana\",\"amount\":3,\"ts\":1767225600000,\"at\":\"2026-01-01T00:00:00Z\"}",
            b"{\"user\":\"bo\",\"amount\":2.5,\"ts\":1767225600001,\"tags\":[\"x\"],\"id\":1767225600000}",
        ]));
        let mut names = names(&guess);
        names.sort();
        let expected = [
            "amount double",
            "at timestamp",
            "id bigint",
            "tags array<string>",
            "ts timestamp",
            "user string",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn lists_are_rows_and_a_few_may_be_broken() {
        let good: &[u8] = b"[{\"n\":1},{\"n\":2}]";
        let mut values = vec![good; 19];
        values.push(b"[{\"n\":");
        let guess = guess(&sample(&values));
        assert_eq!(names(&guess), ["n bigint"]);
        assert!(matches!(guess, Guess::Json { broken: 1, .. }));
    }

    #[test]
    fn what_is_no_json_is_text_or_framed_or_raw() {
        assert_eq!(guess(&sample(&[])), Guess::Nothing);
        assert_eq!(guess(&sample(&[b"to be", b"{}x"])), Guess::Text);
        let framed: &[u8] = &[0, 0, 0, 0, 7, 0xff, 1];
        assert_eq!(guess(&sample(&[framed])), Guess::Avro);
        assert_eq!(guess(&sample(&[framed, &[0xff]])), Guess::Raw);
    }
}
