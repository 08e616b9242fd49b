//! The columns of a reader's schema: Spark's, where Spark has Azud's types.

use azud_model::{Column, ColumnType, Error, Result, TimestampUnit};

use super::literal::Literal;
use super::schema::{AvroSchema, Kind, Logical, Type};

/// A schema with more columns, those within structs counted too, is refused: names that are used
/// again and again could make billions.
const MOST_COLUMNS: usize = 10_000;

/// The most digits of a decimal.
const MOST_DIGITS: u64 = 38;

impl AvroSchema {
    /// The columns that records of this schema become.
    ///
    /// # Errors
    /// `Invalid` if it is no record, or has a type that no column can hold: the field is named.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let mut reading = Reading {
            schema: self,
            path: Vec::new(),
            around: Vec::new(),
            columns: 0,
        };
        let root = self.get(self.root);
        match &root.kind {
            Kind::Record(_) => reading.record(self.root),
            _ => Err(Error::invalid(format!(
                "the avro schema is of type {}: the columns of a source are the fields of a record",
                root.describe()
            ))),
        }
    }
}

struct Reading<'a> {
    schema: &'a AvroSchema,
    path: Vec<&'a str>,
    /// The records around.
    around: Vec<usize>,
    columns: usize,
}

// === impl Reading ===

impl<'a> Reading<'a> {
    fn record(&mut self, number: usize) -> Result<Vec<Column>> {
        let Kind::Record(fields) = &self.schema.get(number).kind else {
            return Err(self.wrong("it is no record"));
        };
        if self.around.contains(&number) {
            let what = self.schema.get(number).describe();
            return Err(self.wrong(&format!(
                "{what} contains itself: a column has a fixed depth, leave the field out of the schema"
            )));
        }
        self.around.push(number);
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            self.path.push(&field.name);
            self.columns += 1;
            if self.columns > MOST_COLUMNS {
                return Err(self.wrong("the schema has more than 10000 columns"));
            }
            let column_type = self.column_type(field.of)?;
            if let Some(default) = &field.default
                && let Err(reason) = Literal::new(self.schema, field.of, default)
            {
                return Err(self.wrong(&format!("its default {reason}")));
            }
            columns.push(Column {
                name: field.name.clone(),
                column_type,
            });
            self.path.pop();
        }
        self.around.pop();
        Ok(columns)
    }

    fn column_type(&mut self, number: usize) -> Result<ColumnType> {
        let found = self.schema.get(number);
        Ok(match &found.kind {
            Kind::Null => return Err(self.wrong("null alone is no type of a column")),
            Kind::Boolean => ColumnType::Boolean,
            Kind::Int => match found.logical {
                Some(Logical::Date) => ColumnType::Date,
                _ => ColumnType::Int,
            },
            Kind::Long => match found.logical {
                Some(Logical::Timestamp(_)) => ColumnType::Timestamp(TimestampUnit::default()),
                _ => ColumnType::BigInt,
            },
            Kind::Float => ColumnType::Float,
            Kind::Double => ColumnType::Double,
            Kind::String | Kind::Enum { .. } => ColumnType::String,
            Kind::Bytes | Kind::Fixed(_) => self.bytes(found)?,
            Kind::Array(items) => ColumnType::Array(Box::new(self.column_type(*items)?)),
            Kind::Map(values) => {
                let values = self.column_type(*values)?;
                ColumnType::Map(Box::new(ColumnType::String), Box::new(values))
            }
            Kind::Record(_) => ColumnType::Struct(self.record(number)?),
            Kind::Union(_) => self.union(number)?,
        })
    }

    fn bytes(&self, found: &Type) -> Result<ColumnType> {
        let Some(Logical::Decimal { precision, scale }) = found.logical else {
            return Ok(ColumnType::Binary);
        };
        let digits = u8::try_from(precision).ok().zip(i8::try_from(scale).ok());
        let digits = digits.filter(|_| precision <= MOST_DIGITS);
        let (precision, scale) = digits.ok_or_else(|| {
            self.wrong(&format!(
                "a decimal of {precision} digits: a column holds {MOST_DIGITS} at most"
            ))
        })?;
        Ok(ColumnType::Decimal(precision, scale))
    }

    /// As Spark: null is no member, numbers of one kind are the wider one, and others a struct of
    /// which one member is not null.
    fn union(&mut self, number: usize) -> Result<ColumnType> {
        let (options, _) = self.schema.options(number);
        if let Some(only) = self.schema.sole(&options) {
            return self.column_type(only);
        }
        if options.is_empty() {
            return Err(self.wrong("null alone is no type of a column"));
        }
        let members = options.into_iter().enumerate().map(|(member, option)| {
            self.columns += 1;
            Ok(Column {
                name: format!("member{member}"),
                column_type: self.column_type(option)?,
            })
        });
        Ok(ColumnType::Struct(members.collect::<Result<_>>()?))
    }

    fn wrong(&self, what: &str) -> Error {
        let field = self.path.join(".");
        Error::invalid(format!("the avro schema: field `{field}`: {what}"))
    }
}

// === impl AvroSchema ===

impl AvroSchema {
    /// The one type whose column holds a value of any of these; `None` where they become members.
    pub(super) fn sole(&self, options: &[usize]) -> Option<usize> {
        let plain = |number: usize| {
            let found = self.get(number);
            found.logical.is_none().then_some(&found.kind)
        };
        match options {
            [only] => Some(*only),
            [one, other] => {
                match (plain(*one), plain(*other)) {
                    (Some(Kind::Int), Some(Kind::Long))
                    | (Some(Kind::Float), Some(Kind::Double)) => Some(*other),
                    (Some(Kind::Long), Some(Kind::Int))
                    | (Some(Kind::Double), Some(Kind::Float)) => Some(*one),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
