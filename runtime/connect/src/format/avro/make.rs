//! A schema made of columns, for sinks that are given none.

use arrow::datatypes::{Schema, SchemaRef};
use azud_model::{Column, ColumnType, Error, Result};
use serde_json::{Value, json};

use super::AvroSchema;

impl AvroSchema {
    /// The schema of rows with these columns, each of which can be null: a record of that name,
    /// or of the nearest one that Avro allows.
    ///
    /// # Errors
    /// `Invalid` if a column has a name or a type that Avro does not have; it is named.
    pub fn of_columns(name: &str, columns: &SchemaRef) -> Result<Self> {
        let columns = typed(columns)?;
        let name: String = name
            .chars()
            .map(|letter| match letter.is_ascii_alphanumeric() {
                true => letter,
                false => '_',
            })
            .collect();
        let name = match name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
            true => format!("_{name}"),
            false => name,
        };
        let record = record(&name, "", &columns, &mut Vec::new())?;
        record.to_string().parse()
    }
}

/// Columns by their SQL types.
pub(super) fn typed(columns: &Schema) -> Result<Vec<Column>> {
    let columns = columns.fields().iter().map(|field| {
        let name = field.name().clone();
        match ColumnType::from_arrow(field.data_type()) {
            Some(column_type) => Ok(Column { name, column_type }),
            None => Err(Error::invalid(format!(
                "format `avro`, column `{name}`: there is no such type as {}: cast it",
                field.data_type()
            ))),
        }
    });
    columns.collect()
}

fn record(
    name: &str,
    namespace: &str,
    columns: &[Column],
    path: &mut Vec<String>,
) -> Result<Value> {
    let within = match namespace {
        "" => name.to_owned(),
        namespace => format!("{namespace}.{name}"),
    };
    let fields = columns.iter().map(|column| {
        path.push(column.name.clone());
        if !is_name(&column.name) {
            return Err(wrong(
                path,
                "a name in Avro has letters, digits and `_` only: rename it with AS",
            ));
        }
        let of = avro_type(&column.name, &within, &column.column_type, path)?;
        path.pop();
        Ok(json!({ "name": column.name, "type": ["null", of], "default": null }))
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let mut record = json!({ "type": "record", "name": name });
    if let (Value::Object(record), false) = (&mut record, namespace.is_empty()) {
        record.insert("namespace".to_owned(), json!(namespace));
    }
    if let Value::Object(record) = &mut record {
        record.insert("fields".to_owned(), Value::Array(fields));
    }
    Ok(record)
}

fn avro_type(
    name: &str,
    within: &str,
    column_type: &ColumnType,
    path: &mut Vec<String>,
) -> Result<Value> {
    let logical = |of: &str, logical: &str| json!({ "type": of, "logicalType": logical });
    Ok(match column_type {
        ColumnType::Boolean => json!("boolean"),
        ColumnType::TinyInt | ColumnType::SmallInt | ColumnType::Int => json!("int"),
        ColumnType::BigInt => json!("long"),
        ColumnType::Float => json!("float"),
        ColumnType::Double => json!("double"),
        ColumnType::String => json!("string"),
        ColumnType::Binary => json!("bytes"),
        ColumnType::Date => logical("int", "date"),
        ColumnType::Timestamp(_) => logical("long", "timestamp-micros"),
        ColumnType::Decimal(precision, scale) if *scale >= 0 => json!({
            "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale,
        }),
        ColumnType::Decimal(..) => {
            return Err(wrong(
                path,
                "Avro has no decimals of a negative scale: cast it",
            ));
        }
        ColumnType::Array(items) => {
            let items = avro_type(name, within, items, path)?;
            json!({ "type": "array", "items": ["null", items] })
        }
        ColumnType::Map(keys, values) if **keys == ColumnType::String => {
            let values = avro_type(name, within, values, path)?;
            json!({ "type": "map", "values": ["null", values] })
        }
        ColumnType::Map(keys, _) => {
            return Err(wrong(
                path,
                &format!("the keys of a map are strings in Avro, not {keys}"),
            ));
        }
        ColumnType::Struct(columns) => record(name, within, columns, path)?,
    })
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    !name.is_empty()
        && name.chars().all(is_letter)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

pub(super) fn wrong(path: &[String], what: &str) -> Error {
    let column = path.join(".");
    Error::invalid(format!("format `avro`, column `{column}`: {what}"))
}
