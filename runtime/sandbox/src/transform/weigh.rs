//! How many bytes the carried columns would have, before they are taken.

use arrow::{
    array::{Array, ArrayRef, AsArray as _, UInt32Array},
    datatypes::DataType,
};

use crate::GuestError;

/// Refuses rows whose carried columns would have more than `limit` bytes, together
/// with those that were computed.
pub(super) fn check<'a>(
    columns: impl Iterator<Item = &'a ArrayRef>,
    rows: &UInt32Array,
    input: usize,
    computed: usize,
    limit: usize,
) -> Result<(), GuestError> {
    let mut weights = vec![0; input];
    for column in columns {
        add(column, &mut weights);
    }
    let total = rows.values().iter().fold(computed as u64, |total, row| {
        total.saturating_add(weights.get(*row as usize).copied().unwrap_or_default())
    });
    match total > limit as u64 {
        true => Err(GuestError::Output { limit }),
        false => Ok(()),
    }
}

/// Adds the bytes of each row of a column. Exact for what varies a lot: text,
/// binary and lists.
fn add(column: &dyn Array, weights: &mut [u64]) {
    match column.data_type() {
        DataType::Utf8 => spans(column.as_string::<i32>().value_offsets(), weights),
        DataType::Binary => spans(column.as_binary::<i32>().value_offsets(), weights),
        DataType::LargeUtf8 => spans(column.as_string::<i64>().value_offsets(), weights),
        DataType::LargeBinary => spans(column.as_binary::<i64>().value_offsets(), weights),
        DataType::List(_) => children(
            column.as_list::<i32>().values(),
            column.as_list::<i32>().value_offsets(),
            weights,
        ),
        DataType::LargeList(_) => children(
            column.as_list::<i64>().values(),
            column.as_list::<i64>().value_offsets(),
            weights,
        ),
        DataType::Map(..) => children(
            column.as_map().entries(),
            column.as_map().value_offsets(),
            weights,
        ),
        DataType::Struct(_) => column
            .as_struct()
            .columns()
            .iter()
            .for_each(|child| add(child, weights)),
        DataType::FixedSizeList(_, size) => {
            let values = column.as_fixed_size_list().values();
            let mut inner = vec![0; values.len()];
            add(values, &mut inner);
            let lists = inner.chunks((*size).max(1) as usize);
            weights
                .iter_mut()
                .zip(lists)
                .for_each(|(weight, list)| *weight += list.iter().sum::<u64>());
        }
        data_type => {
            // What is left has a width, or (views, dictionaries, runs) shares
            // what is behind its entries; sixteen bytes are the widest entry.
            let width = data_type.primitive_width().map_or(16, |width| width as u64);
            let width = match data_type {
                DataType::FixedSizeBinary(width) => *width as u64,
                _ => width,
            };
            weights.iter_mut().for_each(|weight| *weight += width);
        }
    }
}

fn spans<T: Copy + Into<i64>>(offsets: &[T], weights: &mut [u64]) {
    let ends = offsets.iter().skip(1);
    for ((weight, start), end) in weights.iter_mut().zip(offsets).zip(ends) {
        *weight += 4 + ((*end).into() - (*start).into()) as u64;
    }
}

fn children<T: Copy + Into<i64>>(values: &dyn Array, offsets: &[T], weights: &mut [u64]) {
    let mut inner = vec![0; values.len()];
    add(values, &mut inner);
    let ends = offsets.iter().skip(1);
    for ((weight, start), end) in weights.iter_mut().zip(offsets).zip(ends) {
        let list = inner
            .get((*start).into() as usize..(*end).into() as usize)
            .unwrap_or_default();
        *weight += 4 + list.iter().sum::<u64>();
    }
}
