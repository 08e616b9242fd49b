//! The columns of a record beside its value, with Spark's names and types.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, ListBuilder, RecordBatch, RecordBatchOptions,
    StringArray, StringBuilder, StructBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use azud_model::{ColumnType, Error, Result};
use rdkafka::message::{BorrowedMessage, Message, Timestamp};

use crate::native;

/// Name and SQL type of a Kafka source's columns, as Spark has them.
pub(crate) const COLUMNS: [(&str, &str); 8] = [
    ("key", "binary"),
    ("value", "binary"),
    ("topic", "string"),
    ("partition", "int"),
    ("offset", "bigint"),
    ("timestamp", "timestamp"),
    ("timestampType", "int"),
    ("headers", "array<struct<key: string, value: binary>>"),
];

/// Collects the columns that are asked for, record by record.
pub(crate) struct Columns {
    wanted: Vec<Wanted>,
    rows: usize,
}

struct Wanted {
    field: Field,
    values: Values,
}

enum Values {
    Key(BinaryBuilder),
    Topic,
    Partition,
    Offset(Vec<i64>),
    Timestamp(Vec<Option<i64>>),
    TimestampType(Vec<i32>),
    Headers(Box<ListBuilder<StructBuilder>>),
}

// === impl Columns ===

impl Columns {
    /// # Errors
    /// `Internal` where there is no column of that name.
    pub(crate) fn new(names: &[String]) -> Result<Self> {
        let wanted = names.iter().map(|name| {
            let sql = COLUMNS.iter().find(|(known, _)| known == name);
            let unknown = || Error::internal(format!("kafka has no column `{name}`"));
            let (_, sql) = sql.ok_or_else(unknown)?;
            let parsed = sql.parse::<ColumnType>().map_err(|_| unknown())?;
            let data_type = parsed.to_arrow();
            let values = match name.as_str() {
                "key" => Values::Key(BinaryBuilder::new()),
                "topic" => Values::Topic,
                "partition" => Values::Partition,
                "offset" => Values::Offset(Vec::new()),
                "timestamp" => Values::Timestamp(Vec::new()),
                "timestampType" => Values::TimestampType(Vec::new()),
                "headers" => Values::Headers(Box::new(lists(&data_type).ok_or_else(unknown)?)),
                _ => return Err(unknown()),
            };
            Ok(Wanted {
                field: Field::new(name, data_type, true),
                values,
            })
        });
        Ok(Self {
            wanted: wanted.collect::<Result<_>>()?,
            rows: 0,
        })
    }

    pub(crate) fn append(&mut self, message: &BorrowedMessage<'_>) {
        self.rows += 1;
        for wanted in &mut self.wanted {
            match &mut wanted.values {
                Values::Key(keys) => keys.append_option(message.key()),
                Values::Topic | Values::Partition => {}
                Values::Offset(offsets) => offsets.push(message.offset()),
                Values::Timestamp(times) => {
                    let millis = message.timestamp().to_millis();
                    times.push(millis.and_then(|millis| millis.checked_mul(1000)));
                }
                // As in `org.apache.kafka.common.record.TimestampType`.
                Values::TimestampType(types) => types.push(match message.timestamp() {
                    Timestamp::NotAvailable => -1,
                    Timestamp::CreateTime(_) => 0,
                    Timestamp::LogAppendTime(_) => 1,
                }),
                Values::Headers(lists) => append_headers(lists, message),
            }
        }
    }

    /// The columns of the records so far, which are all of one partition; begins anew.
    pub(crate) fn finish(&mut self, topic: &str, partition: i32) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        let fields: Vec<Field> = self.wanted.iter().map(|one| one.field.clone()).collect();
        let columns = self.wanted.iter_mut().map(|wanted| -> ArrayRef {
            match &mut wanted.values {
                Values::Key(keys) => Arc::new(keys.finish()),
                Values::Topic => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                    topic, rows,
                ))),
                Values::Partition => Arc::new(Int32Array::from(vec![partition; rows])),
                Values::Offset(offsets) => Arc::new(Int64Array::from(std::mem::take(offsets))),
                Values::Timestamp(times) => {
                    let times = TimestampMicrosecondArray::from(std::mem::take(times));
                    Arc::new(times.with_timezone_opt(zone(wanted.field.data_type())))
                }
                Values::TimestampType(types) => Arc::new(Int32Array::from(std::mem::take(types))),
                Values::Headers(lists) => Arc::new(lists.finish()),
            }
        });
        let columns = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(Schema::new(fields));
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

fn zone(data_type: &DataType) -> Option<Arc<str>> {
    match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

/// A builder of lists of headers, of exactly that type.
fn lists(data_type: &DataType) -> Option<ListBuilder<StructBuilder>> {
    let DataType::List(item) = data_type else {
        return None;
    };
    let DataType::Struct(fields) = item.data_type() else {
        return None;
    };
    let structs = StructBuilder::from_fields(fields.clone(), 0);
    Some(ListBuilder::new(structs).with_field(item.clone()))
}

/// Null where there are none, as in Spark.
fn append_headers(lists: &mut ListBuilder<StructBuilder>, message: &BorrowedMessage<'_>) {
    let Some(headers) = message.headers() else {
        lists.append_null();
        return;
    };
    let structs = lists.values();
    native::headers(headers, |name, value| {
        if let Some(names) = structs.field_builder::<StringBuilder>(0) {
            names.append_value(name);
        }
        if let Some(values) = structs.field_builder::<BinaryBuilder>(1) {
            values.append_option(value);
        }
        structs.append(true);
    });
    lists.append(true);
}
