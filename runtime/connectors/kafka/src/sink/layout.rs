//! Which of a sink's columns are a record's value, key, headers, topic and partition.

use arrow::datatypes::{DataType, Field, Schema};
use azud_connect::RecordColumns;
use azud_model::{Error, Result};

use crate::options::KafkaSinkOptions;

/// Which columns are what, by their numbers in the sink's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) value: Vec<usize>,
    pub(super) key: Option<usize>,
    pub(super) headers: Option<usize>,
    pub(super) topic: Option<usize>,
    pub(super) partition: Option<usize>,
}

// === impl Layout ===

impl Layout {
    /// With format raw and text columns have Spark's names: `value`, `key`, `headers`, `topic`,
    /// `partition`. With others the value is made of all columns but those of topic and headers.
    ///
    /// # Errors
    /// `Invalid` if a column is not there, or has a type that it cannot have.
    pub(super) fn of(options: &KafkaSinkOptions, format: &str, schema: &Schema) -> Result<Self> {
        let is_plain = matches!(format, "raw" | "text");
        let find = |name: &str| {
            schema
                .fields()
                .iter()
                .position(|field| field.name() == name)
        };
        let named = |option: &str, said: Option<&String>, usual: &str| match said {
            Some(name) => find(name).map(Some).ok_or_else(|| {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                let names: Vec<_> = names.collect();
                Error::invalid(format!(
                    "`{option}: {name}` names no column: there are {}",
                    names.join(", ")
                ))
            }),
            None if is_plain => Ok(find(usual)),
            None => Ok(None),
        };
        let key = named("key", options.key.as_ref(), "key")?;
        let headers = named("headers", options.headers.as_ref(), "headers")?;
        let topic = match &options.topic {
            Some(_) => None,
            None => Some(find("topic").ok_or_else(|| {
                Error::invalid(
                    "where do rows go: write `topic: name`, or give each row a column `topic`",
                )
            })?),
        };
        let partition = find("partition").filter(|_| is_plain);
        let value = match find("value").filter(|_| is_plain) {
            Some(value) => vec![value],
            None => {
                let beside = |index: &usize| {
                    let index = Some(*index);
                    let is_named = index == headers || index == topic;
                    let is_plain_one = is_plain && (index == key || index == partition);
                    // Nothing else may be left: what is not written is not lost in silence.
                    is_named || is_plain_one
                };
                (0..schema.fields().len())
                    .filter(|index| !beside(index))
                    .collect()
            }
        };
        if value.is_empty() {
            return Err(Error::invalid("no column is left for the value of records"));
        }
        let layout = Self {
            value,
            key,
            headers,
            topic,
            partition,
        };
        layout.check(schema)?;
        Ok(layout)
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        type Rule = (Option<usize>, fn(&DataType) -> bool, &'static str);
        let rules: [Rule; 4] = [
            (
                self.key,
                is_key,
                "a key is a string, binary, boolean or a whole number",
            ),
            (
                self.headers,
                is_headers,
                "headers are a map<string, string> or map<string, binary>, or an array of struct<key, value>",
            ),
            (self.topic, is_text, "a topic is a string"),
            (self.partition, is_int, "a partition is an int"),
        ];
        for (column, fits, rule) in rules {
            let Some(field) = column.and_then(|column| schema.fields().get(column)) else {
                continue;
            };
            if !fits(field.data_type()) {
                return Err(Error::invalid(format!(
                    "{rule}, and column `{}` is none: cast it",
                    field.name()
                )));
            }
        }
        Ok(())
    }

    /// What is encoded, and what stays beside it: key, headers, topic and partition, in this order.
    pub(super) fn columns(&self) -> RecordColumns {
        let beside = [self.key, self.headers, self.topic, self.partition];
        RecordColumns {
            encoded: self.value.clone(),
            beside: beside.into_iter().flatten().collect(),
        }
    }
}

fn is_key(data_type: &DataType) -> bool {
    is_text(data_type)
        || is_binary(data_type)
        || data_type.is_integer()
        || *data_type == DataType::Boolean
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => matches!(
            other,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        ),
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    )
}

fn is_int(data_type: &DataType) -> bool {
    data_type.is_integer()
}

fn is_headers(data_type: &DataType) -> bool {
    let pair = |field: &Field| match field.data_type() {
        DataType::Struct(fields) => match fields.iter().as_slice() {
            [key, value] => {
                is_text(key.data_type())
                    && (is_text(value.data_type()) || is_binary(value.data_type()))
            }
            _ => false,
        },
        _ => false,
    };
    match data_type {
        DataType::List(item) => pair(item),
        DataType::Map(entries, _) => pair(entries),
        _ => false,
    }
}
