//! Columns held against the schema that they are to be written by.

use azud_model::{Column, ColumnType, Error, Result, TimestampUnit};

use super::literal::unit;
use super::make::wrong;
use super::schema::{AvroSchema, Kind, Logical, RecordField};

/// How a value of a column is written.
#[derive(Clone, Debug)]
pub(super) enum Put {
    Boolean,
    /// Any whole number or date, as int or long.
    Whole,
    Timestamp(TimestampUnit),
    Float,
    Double,
    Text,
    Bytes,
    /// The symbols.
    Enum(Vec<String>),
    Fixed(usize),
    /// As a fixed of that size, or as bytes.
    Decimal(Option<usize>),
    Array(Box<Put>),
    Map(Box<Put>),
    Record(Vec<PutField>),
    /// The branch of null, if there is one, and that of the value.
    Branch {
        null: Option<i64>,
        value: i64,
        put: Box<Put>,
    },
}

/// A field of a record, in the order of the schema.
#[derive(Clone, Debug)]
pub(super) enum PutField {
    /// The value of that column.
    Column(usize, String, Put),
    /// There is no column: null, which is that branch.
    Null(i64),
}

/// How rows with these columns are written.
///
/// # Errors
/// `Invalid` if they do not fit: the column or field is named.
pub(super) fn fit(schema: &AvroSchema, columns: &[Column]) -> Result<Vec<PutField>> {
    let root = schema.get(schema.root);
    match &root.kind {
        Kind::Record(fields) => record(schema, fields, columns, &mut Vec::new()),
        _ => Err(Error::invalid(format!(
            "the avro schema is of type {}: a row is a record",
            root.describe()
        ))),
    }
}

fn record(
    schema: &AvroSchema,
    fields: &[RecordField],
    columns: &[Column],
    path: &mut Vec<String>,
) -> Result<Vec<PutField>> {
    for column in columns {
        if !fields.iter().any(|field| field.name == column.name) {
            let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            path.push(column.name.clone());
            let known = known.join(", ");
            return Err(wrong(
                path,
                &format!("the schema has no such field, it has {known}"),
            ));
        }
    }
    let fields = fields.iter().map(|field| {
        path.push(field.name.clone());
        let found = columns.iter().position(|column| column.name == field.name);
        let found = found.and_then(|at| Some((at, columns.get(at)?)));
        let put = match found {
            Some((at, column)) => {
                let put = value(schema, field.of, &column.column_type, path)?;
                PutField::Column(at, field.name.clone(), put)
            }
            None => match null_branch(schema, field.of) {
                Some(branch) => PutField::Null(branch),
                None => {
                    let what = "the schema has a field of that name, which cannot be null, and there is no such column";
                    return Err(wrong(path, what));
                }
            },
        };
        path.pop();
        Ok(put)
    });
    fields.collect()
}

fn null_branch(schema: &AvroSchema, number: usize) -> Option<i64> {
    match &schema.get(number).kind {
        Kind::Union(branches) => {
            let is_null = |branch: &usize| matches!(schema.get(*branch).kind, Kind::Null);
            let found = branches.iter().position(is_null)?;
            i64::try_from(found).ok()
        }
        _ => None,
    }
}

fn value(
    schema: &AvroSchema,
    number: usize,
    column: &ColumnType,
    path: &mut Vec<String>,
) -> Result<Put> {
    let found = schema.get(number);
    Ok(match (column, &found.kind) {
        (_, Kind::Union(branches)) => {
            // The first branch that takes it.
            let mut wrong = None;
            for (branch, of) in (0..).zip(branches) {
                if matches!(schema.get(*of).kind, Kind::Null) {
                    continue;
                }
                let depth = path.len();
                match value(schema, *of, column, path) {
                    Ok(put) => {
                        return Ok(Put::Branch {
                            null: null_branch(schema, number),
                            value: branch,
                            put: Box::new(put),
                        });
                    }
                    Err(error) => {
                        path.truncate(depth);
                        wrong.get_or_insert(error);
                    }
                }
            }
            return Err(wrong.unwrap_or_else(|| misfit(path, column, "null")));
        }
        (ColumnType::Boolean, Kind::Boolean) => Put::Boolean,
        (ColumnType::Date, Kind::Int) if found.logical == Some(Logical::Date) => Put::Whole,
        (ColumnType::TinyInt | ColumnType::SmallInt | ColumnType::Int, Kind::Int | Kind::Long)
        | (ColumnType::BigInt, Kind::Long)
            if found.logical.is_none() =>
        {
            Put::Whole
        }
        (ColumnType::Timestamp(_), Kind::Long)
            if matches!(found.logical, Some(Logical::Timestamp(_))) =>
        {
            Put::Timestamp(unit(found.logical))
        }
        (ColumnType::Float, Kind::Float) => Put::Float,
        (ColumnType::Float | ColumnType::Double, Kind::Double) => Put::Double,
        (ColumnType::String, Kind::String) => Put::Text,
        (ColumnType::String, Kind::Enum { symbols, .. }) => Put::Enum(symbols.clone()),
        (ColumnType::Binary, Kind::Bytes) if found.logical.is_none() => Put::Bytes,
        (ColumnType::Binary, Kind::Fixed(size)) if found.logical.is_none() => Put::Fixed(*size),
        (ColumnType::Decimal(precision, scale), Kind::Bytes | Kind::Fixed(_))
            if holds(found.logical, *precision, *scale) =>
        {
            Put::Decimal(match found.kind {
                Kind::Fixed(size) => Some(size),
                _ => None,
            })
        }
        (ColumnType::Array(items), Kind::Array(of)) => {
            Put::Array(Box::new(value(schema, *of, items, path)?))
        }
        (ColumnType::Map(keys, values), Kind::Map(of)) if **keys == ColumnType::String => {
            Put::Map(Box::new(value(schema, *of, values, path)?))
        }
        (ColumnType::Struct(columns), Kind::Record(fields)) => {
            Put::Record(record(schema, fields, columns, path)?)
        }
        _ => {
            return Err(misfit(
                path,
                column,
                &described(&found.describe(), found.logical),
            ));
        }
    })
}

fn holds(logical: Option<Logical>, digits: u8, after: i8) -> bool {
    match logical {
        Some(Logical::Decimal { precision, scale }) => {
            u64::from(digits) <= precision && u64::try_from(after) == Ok(scale)
        }
        _ => false,
    }
}

fn described(kind: &str, logical: Option<Logical>) -> String {
    match logical {
        Some(Logical::Date) => format!("date ({kind})"),
        Some(Logical::Timestamp(_)) => format!("timestamp ({kind})"),
        Some(Logical::Decimal { precision, scale }) => {
            format!("decimal({precision},{scale}) ({kind})")
        }
        None => kind.to_owned(),
    }
}

fn misfit(path: &[String], column: &ColumnType, what: &str) -> Error {
    wrong(
        path,
        &format!("{column} cannot be written as the schema's {what}: cast it"),
    )
}
