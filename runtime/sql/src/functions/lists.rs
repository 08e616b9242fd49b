//! What the functions on arrays and maps compute.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int32Array, Int64Array, ListArray, MapArray, StructArray, UInt32Array,
    make_comparator,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion_common::cast::as_list_array;
use datafusion_common::{Result, exec_err};

/// The fields of a map's entry, whatever the map calls them.
pub(super) fn entry(entries: &DataType) -> Fields {
    let DataType::Struct(fields) = entries else {
        return Fields::empty();
    };
    let names = ["key", "value"].into_iter().zip(fields);
    names
        .map(|(name, field)| Field::new(name, field.data_type().clone(), true))
        .collect()
}

/// Where the elements of each row lie among the values.
fn places(list: &ListArray) -> impl Iterator<Item = Range<usize>> {
    let places = list.offsets().iter().zip(list.offsets().lengths());
    places.map(|(start, length)| {
        let start = usize::try_from(*start).unwrap_or_default();
        start..start + length
    })
}

pub(super) fn sizes(offsets: &OffsetBuffer<i32>, nulls: Option<&NullBuffer>) -> ArrayRef {
    let sizes = offsets
        .lengths()
        .map(|length| i32::try_from(length).unwrap_or(i32::MAX));
    Arc::new(Int32Array::new(sizes.collect(), nulls.cloned()))
}

pub(super) fn position(list: &ListArray, element: &ArrayRef) -> Result<ArrayRef> {
    let same = make_comparator(list.values(), element, SortOptions::default())?;
    let result: Int64Array = places(list)
        .enumerate()
        .map(|(row, mut places)| {
            if list.is_null(row) || element.is_null(row) {
                return None;
            }
            let found = places.position(|at| same(at, row).is_eq());
            found.map_or(Some(0), |found| i64::try_from(found + 1).ok())
        })
        .collect();
    Ok(Arc::new(result))
}

pub(super) fn remove(list: &ListArray, element: &ArrayRef) -> Result<ArrayRef> {
    let same = make_comparator(list.values(), element, SortOptions::default())?;
    let nulls = NullBuffer::union(list.nulls(), element.nulls());
    let mut kept: Vec<u32> = Vec::new();
    let mut lengths = Vec::with_capacity(list.len());
    for (row, places) in places(list).enumerate() {
        let before = kept.len();
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            let places = places.filter(|at| !same(*at, row).is_eq());
            kept.extend(places.filter_map(|at| u32::try_from(at).ok()));
        }
        lengths.push(kept.len() - before);
    }
    let DataType::List(item) = list.data_type() else {
        return exec_err!("array_remove takes an array");
    };
    let values = take(list.values(), &UInt32Array::from(kept), None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        item.clone(),
        offsets,
        values,
        nulls,
    )?))
}

pub(super) fn flatten(list: &ListArray) -> Result<ArrayRef> {
    let inner = as_list_array(list.values())?;
    let whole: BooleanBuffer = places(list)
        .map(|mut places| places.all(|at| inner.is_valid(at)))
        .collect();
    let nulls = NullBuffer::union(list.nulls(), Some(&NullBuffer::new(whole)));
    let ends = inner.offsets();
    let offsets: Vec<i32> = list
        .offsets()
        .iter()
        .map(|at| {
            let at = usize::try_from(*at).unwrap_or_default();
            ends.get(at).copied().unwrap_or_default()
        })
        .collect();
    let DataType::List(item) = inner.data_type() else {
        return exec_err!("flatten takes an array of arrays");
    };
    let offsets = OffsetBuffer::new(offsets.into());
    Ok(Arc::new(ListArray::try_new(
        item.clone(),
        offsets,
        inner.values().clone(),
        nulls,
    )?))
}

pub(super) fn entries(map: &MapArray) -> Result<ArrayRef> {
    let fields = entry(map.entries().data_type());
    let columns = vec![map.keys().clone(), map.values().clone()];
    let structs = StructArray::try_new(fields, columns, None)?;
    let item = Field::new_list_field(structs.data_type().clone(), true);
    Ok(Arc::new(ListArray::try_new(
        Arc::new(item),
        map.offsets().clone(),
        Arc::new(structs),
        map.nulls().cloned(),
    )?))
}
