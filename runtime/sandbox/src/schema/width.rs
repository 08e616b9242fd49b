//! How much room a value takes before it holds anything.

use arrow::datatypes::DataType;

/// The bytes that a row of a type takes in any case, and that Arrow's kernels set
/// aside for it: of a text its offset, of a fixed list all of it, of a list also
/// one value.
pub(crate) fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeBinary(width) => *width as usize,
        DataType::FixedSizeList(item, size) => {
            width(item.data_type()).saturating_mul(*size as usize)
        }
        DataType::List(item) | DataType::Map(item, _) => width(item.data_type()).saturating_add(4),
        DataType::Struct(fields) => fields
            .iter()
            .fold(0, |sum, field| width(field.data_type()).saturating_add(sum)),
        DataType::Utf8 | DataType::Binary => 4,
        data_type => data_type.primitive_width().unwrap_or(1),
    }
}
