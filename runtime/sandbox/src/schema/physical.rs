//! The layouts that a plugin may see: what else Arrow has is cast to them.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef},
    compute,
    datatypes::{DataType, Field, FieldRef, Fields, TimeUnit},
};

use crate::GuestError;

/// The layout that a plugin gets for a type, without loss; none where there is
/// none.
pub(crate) fn physical(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Null => DataType::Boolean,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Duration(TimeUnit::Second) => DataType::Duration(TimeUnit::Millisecond),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => physical(values)?,
        DataType::RunEndEncoded(_, values) => physical(values.data_type())?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(field(item)?),
        DataType::FixedSizeList(item, size) if *size > 0 => {
            DataType::FixedSizeList(field(item)?, *size)
        }
        DataType::Map(entries, sorted) => DataType::Map(field(entries)?, *sorted),
        DataType::Struct(fields) if !fields.is_empty() => {
            DataType::Struct(fields.iter().map(field).collect::<Option<Fields>>()?)
        }
        data_type => super::format::of(data_type).map(|_| data_type.clone())?,
    })
}

fn field(of: &FieldRef) -> Option<FieldRef> {
    let data_type = physical(of.data_type())?;
    if data_type == *of.data_type() {
        return Some(Arc::clone(of));
    }
    Some(Arc::new(Field::new(of.name(), data_type, of.is_nullable())))
}

/// A column in the layout that the plugin was promised.
pub(crate) fn cast(column: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef, GuestError> {
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    let strict = compute::CastOptions {
        safe: false,
        ..Default::default()
    };
    compute::cast_with_options(column, to, &strict).map_err(|error| GuestError::Input {
        what: format!("column `{name}` cannot be cast to {to}: {error}"),
    })
}
