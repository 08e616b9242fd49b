//! In: a guest's buffers as an Arrow column, nothing of it trusted.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray,
        GenericByteArray, ListArray, MapArray, PrimitiveArray, StructArray,
    },
    buffer::NullBuffer,
    datatypes::*,
    error::ArrowError,
};

use super::buffers::Buffers;
use crate::{GuestError, limits::ROOM, schema};

/// The next column of an answer: `rows` rows of `field`.
pub(crate) fn import<'a>(
    buffers: &mut Buffers<'a>,
    field: &'a Field,
    rows: usize,
) -> Result<ArrayRef, GuestError> {
    buffers.column = field.name();
    let array = array(buffers, field.data_type(), rows)?;
    match array.nulls().filter(|_| !field.is_nullable()) {
        None => Ok(array),
        Some(nulls) => {
            let row = nulls.iter().position(|valid| !valid).unwrap_or_default();
            Err(buffers.wrong(format!(
                "row {row} is null, and the column was announced as never null"
            )))
        }
    }
}

fn array(
    buffers: &mut Buffers<'_>,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef, GuestError> {
    let nulls = buffers.validity(rows)?;
    let array: Result<ArrayRef, ArrowError> = match data_type {
        DataType::Boolean => Ok(shared(BooleanArray::new(buffers.bits(rows)?, nulls))),
        DataType::Utf8 => return bytes::<Utf8Type>(buffers, rows, nulls),
        DataType::Binary => return bytes::<BinaryType>(buffers, rows, nulls),
        DataType::FixedSizeBinary(width) => {
            let values = buffers.exact(rows.checked_mul(*width as usize), "values")?;
            FixedSizeBinaryArray::try_new(*width, values, nulls).map(shared)
        }
        DataType::Struct(fields) => {
            let children = fields
                .iter()
                .map(|field| array_of(buffers, field, rows))
                .collect::<Result<_, _>>()?;
            StructArray::try_new_with_length(fields.clone(), children, nulls, rows).map(shared)
        }
        DataType::FixedSizeList(item, size) => {
            let length = rows
                .checked_mul(*size as usize)
                .ok_or_else(|| buffers.wrong("its lists have no size".into()))?;
            let values = array_of(buffers, item, length)?;
            FixedSizeListArray::try_new_with_length(Arc::clone(item), *size, values, nulls, rows)
                .map(shared)
        }
        DataType::List(item) => {
            let offsets = buffers.offsets(rows)?;
            check_room(buffers, item, rows.max(end(&offsets)))?;
            let values = array_of(buffers, item, end(&offsets))?;
            ListArray::try_new(Arc::clone(item), offsets, values, nulls).map(shared)
        }
        DataType::Map(entries, sorted) => {
            let offsets = buffers.offsets(rows)?;
            check_room(buffers, entries, rows.max(end(&offsets)))?;
            let children = array_of(buffers, entries, end(&offsets))?;
            let Some(children) = children.as_any().downcast_ref::<StructArray>() else {
                return Err(buffers.wrong("a map's entries are a struct".into()));
            };
            MapArray::try_new(
                Arc::clone(entries),
                offsets,
                children.clone(),
                nulls,
                *sorted,
            )
            .map(shared)
        }
        data_type => return primitive_of(buffers, data_type, rows, nulls),
    };
    array.map_err(|error| GuestError::arrow(buffers.column, &error))
}

/// A child; whether it may be null is checked by its parent's constructor, which
/// knows the rows that the parent hides.
fn array_of(buffers: &mut Buffers<'_>, field: &Field, rows: usize) -> Result<ArrayRef, GuestError> {
    array(buffers, field.data_type(), rows)
}

/// A kernel that takes rows of lists sets memory aside for values that may not be
/// there: nothing has been sent for them.
fn check_room(buffers: &Buffers<'_>, item: &Field, values: usize) -> Result<(), GuestError> {
    match values.saturating_mul(schema::width(item.data_type())) {
        ..=ROOM => Ok(()),
        room => Err(buffers.wrong(format!(
            "its {values} lists or values need {room} bytes, at most {ROOM} are possible"
        ))),
    }
}

fn bytes<T: ByteArrayType<Offset = i32>>(
    buffers: &mut Buffers<'_>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, GuestError> {
    let offsets = buffers.offsets(rows)?;
    // Bytes that no row uses are not checked either: the data ends where the rows do.
    let values = buffers.exact(Some(end(&offsets)), "data")?;
    let array = GenericByteArray::<T>::try_new(offsets, values, nulls);
    array
        .map(shared)
        .map_err(|error| GuestError::arrow(buffers.column, &error))
}

/// The types whose values have a fixed width.
fn primitive_of(
    buffers: &mut Buffers<'_>,
    data_type: &DataType,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, GuestError> {
    macro_rules! primitive {
        ($($pattern:pat => $type:ident),+ $(,)?) => {
            match data_type {
                DataType::Decimal128(precision, scale) => {
                    let array = primitive::<Decimal128Type>(buffers, data_type, rows, nulls)?;
                    // Not the array's own check: that one refuses every negative scale.
                    let check = |value| Decimal128Type::validate_decimal_precision(value, *precision, *scale);
                    let checked = array.iter().flatten().try_for_each(check);
                    checked.map(|()| shared(array)).map_err(|error| GuestError::arrow(buffers.column, &error))
                }
                $($pattern => primitive::<$type>(buffers, data_type, rows, nulls).map(shared),)+
                other => Err(buffers.wrong(format!("the type {other} has no form on the boundary"))),
            }
        };
    }
    primitive!(
        DataType::Int8 => Int8Type,
        DataType::Int16 => Int16Type,
        DataType::Int32 => Int32Type,
        DataType::Int64 => Int64Type,
        DataType::UInt8 => UInt8Type,
        DataType::UInt16 => UInt16Type,
        DataType::UInt32 => UInt32Type,
        DataType::UInt64 => UInt64Type,
        DataType::Float32 => Float32Type,
        DataType::Float64 => Float64Type,
        DataType::Date32 => Date32Type,
        DataType::Time32(TimeUnit::Millisecond) => Time32MillisecondType,
        DataType::Time64(TimeUnit::Microsecond) => Time64MicrosecondType,
        DataType::Duration(TimeUnit::Millisecond) => DurationMillisecondType,
        DataType::Timestamp(TimeUnit::Second, _) => TimestampSecondType,
        DataType::Timestamp(TimeUnit::Millisecond, _) => TimestampMillisecondType,
        DataType::Timestamp(TimeUnit::Microsecond, _) => TimestampMicrosecondType,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => TimestampNanosecondType,
    )
}

fn primitive<T: ArrowPrimitiveType>(
    buffers: &mut Buffers<'_>,
    data_type: &DataType,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, GuestError> {
    let values = buffers.values::<T::Native>(rows)?;
    let array = PrimitiveArray::<T>::try_new(values, nulls)
        .map_err(|error| GuestError::arrow(buffers.column, &error))?;
    // Decimals and time zones: the same values, under the announced type.
    Ok(array.with_data_type(data_type.clone()))
}

/// Where the last row ends. Offsets were checked: in order, not negative.
fn end(offsets: &[i32]) -> usize {
    offsets.last().map_or(0, |end| *end as usize)
}

fn shared(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}
