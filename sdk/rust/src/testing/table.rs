//! A small table of values: what a test gives to a plugin.

use super::Value;
use crate::{Builder, Column, Error, Field, Result, Type, schema, types::*};

/// Columns of values. Every column has the same number of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(Field, Vec<Value>, Vec<Vec<u8>>)>,
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
        mut self,
        name: &str,
        r#type: T,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if let Some((first, rows, _)) = self.columns.first() {
            assert_eq!(
                rows.len(),
                values.len(),
                "`{}` and `{name}` have different numbers of rows",
                first.name
            );
        }
        let mut builder = Builder::<T>::new();
        for value in &values {
            match (value, T::of_value(value)) {
                (Value::Null, _) => builder.push_null(),
                (_, Some(value)) => builder.push(value),
                _ => panic!("column `{name}`: {value:?} is not a {}", T::NAME),
            }
        }
        let field = Field {
            name: name.into(),
            format: r#type.format(),
            nullable: true,
            children: 0,
        };
        self.columns.push((field, values, builder.finish()));
        self
    }

    pub(crate) fn fields(&self) -> Vec<Field> {
        self.columns
            .iter()
            .map(|(field, ..)| field.clone())
            .collect()
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns
            .first()
            .map_or(0, |(_, values, _)| values.len())
    }

    pub(crate) fn buffers(&self, column: usize) -> &[Vec<u8>] {
        self.columns
            .get(column)
            .map_or(&[], |(.., buffers)| buffers)
    }

    pub(crate) fn name(&self, column: usize) -> &str {
        self.columns
            .get(column)
            .map_or("", |(field, ..)| &field.name)
    }

    pub(crate) fn values(&self, column: usize) -> &[Value] {
        self.columns
            .get(column)
            .map_or(&[], |(_, values, _)| values)
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
