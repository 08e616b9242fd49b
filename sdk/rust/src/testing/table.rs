//! A small table of values: what a test gives to a plugin.

use super::{Value, build::build};
use crate::{Column, Error, Field, Result, Type, schema, types::*};

/// Columns of values. Every column has the same number of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Values>,
}

/// A column, as values and as what the host would send.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    /// The column's field and its descendants.
    fields: Vec<Field>,
    values: Vec<Value>,
    buffers: Vec<Vec<u8>>,
}

// === impl Table ===

impl Table {
    /// No columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column.
    ///
    /// # Panics
    /// Where a value does not fit the type, or where the columns would differ in
    /// length: a mistake in the test.
    pub fn column<T: Type, V: Into<Value>>(
        self,
        name: &str,
        r#type: T,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let field = Field {
            name: name.into(),
            format: r#type.format(),
            nullable: true,
            children: 0,
        };
        self.column_of(vec![field], values)
    }

    /// Adds a column of any type that the contract has: its field and all
    /// descendants, in pre-order, and values to go with them ([`Value::List`],
    /// [`Value::Map`], [`Value::Struct`]).
    ///
    /// # Panics
    /// As [`Self::column`].
    pub fn column_of<V: Into<Value>>(
        mut self,
        fields: Vec<Field>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let name = fields.first().map_or("", |field| field.name.as_str());
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if let Some(first) = self.columns.first() {
            assert_eq!(
                first.values.len(),
                values.len(),
                "`{}` and `{name}` have different numbers of rows",
                self.name(0)
            );
        }
        let buffers = build(&fields, &values)
            .unwrap_or_else(|wrong| panic!("column `{name}`: {values:?} do not fit: {wrong}"));
        self.columns.push(Values {
            fields,
            values,
            buffers,
        });
        self
    }

    /// Some rows of the table, in this order: what the host offers again.
    ///
    /// # Panics
    /// Where a row is not in the table: a mistake in the test.
    pub fn pick(&self, rows: &[usize]) -> Self {
        self.columns.iter().fold(Self::new(), |table, column| {
            let values = rows.iter().map(|row| match column.values.get(*row) {
                Some(value) => value.clone(),
                None => panic!("row {row} is not in the table"),
            });
            table.column_of(column.fields.clone(), values)
        })
    }

    /// The fields of all columns and their descendants, in pre-order.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let columns = self.columns.iter();
        columns.flat_map(|column| column.fields.clone()).collect()
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |first| first.values.len())
    }

    pub(crate) fn all_buffers(&self) -> Vec<Vec<u8>> {
        let columns = self.columns.iter();
        columns.flat_map(|column| column.buffers.clone()).collect()
    }

    pub(crate) fn buffers(&self, column: usize) -> &[Vec<u8>] {
        self.columns
            .get(column)
            .map_or(&[], |column| &column.buffers)
    }

    pub(crate) fn name(&self, column: usize) -> &str {
        self.columns
            .get(column)
            .and_then(|column| column.fields.first())
            .map_or("", |field| &field.name)
    }

    pub(crate) fn values(&self, column: usize) -> &[Value] {
        self.columns
            .get(column)
            .map_or(&[], |column| &column.values)
    }
}

/// The values of a computed column. Its buffers may be the plugin's own, by
/// [`set_buffers`](crate::Output::set_buffers): what the host would refuse is
/// refused here.
pub(crate) fn decode(fields: &[Field], rows: usize, buffers: &[Vec<u8>]) -> Result<Vec<Value>> {
    let (name, format) = fields.first().map_or(("", ""), |field| {
        (field.name.as_str(), field.format.as_str())
    });
    let short = || {
        let word = schema::name_of(format);
        Error::new(format!(
            "column `{name}` has not the buffers of {rows} rows of {word}"
        ))
    };
    macro_rules! as_first_of {
        ($($name:ident),+) => {
            $(if $name::accepts(format) {
                return values::<$name>(rows, buffers).ok_or_else(short);
            })+
        };
    }
    as_first_of!(
        Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64, Date,
        Time, Duration, Timestamp, Decimal, Binary
    );
    if Utf8::accepts(format) {
        // As bytes first: a plugin's own buffers may hold anything.
        let bytes = Column::<Binary>::new(buffers, rows).ok_or_else(short)?;
        let texts = bytes.iter().enumerate().map(|(row, bytes)| match bytes {
            Some(bytes) => str::from_utf8(bytes).map(Value::from).map_err(|_| {
                Error::new(format!(
                    "column `{name}`: the text in row {row} is not UTF-8"
                ))
            }),
            None => Ok(Value::Null),
        });
        return texts.collect();
    }
    Ok(vec![Value::Buffers(buffers.to_vec()); rows])
}

fn values<T: Type>(rows: usize, buffers: &[Vec<u8>]) -> Option<Vec<Value>> {
    let column = Column::<T>::new(buffers, rows)?;
    let values = column
        .iter()
        .map(|value| value.map_or(Value::Null, T::to_value));
    Some(values.collect())
}
