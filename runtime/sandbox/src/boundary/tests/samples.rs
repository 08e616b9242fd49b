//! A column of every layout of the contract, nested ones included.

use std::sync::Arc;

use arrow::{
    array::*,
    buffer::{NullBuffer, OffsetBuffer},
    compute,
    datatypes::*,
};

const ROWS: usize = 40;

pub(super) fn columns() -> Vec<(Field, ArrayRef)> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(
        (0..ROWS as i64).map(|row| (row % 7 != 3).then_some(row - 5)),
    ));
    let small: ArrayRef = Arc::new(Int64Array::from_iter_values(
        (0..ROWS as i64).map(|row| row % 100),
    ));
    let texts: ArrayRef = Arc::new(StringArray::from_iter(
        (0..ROWS).map(|row| (row % 5 != 2).then(|| "añ☃x".repeat(row % 4))),
    ));
    let cast = |to: DataType| compute::cast(&small, &to).unwrap();
    let mut columns: Vec<ArrayRef> = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(12, 3),
        DataType::Decimal128(5, -1),
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Timestamp(TimeUnit::Millisecond, Some("+01:00".into())),
        DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Duration(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
    ]
    .map(cast)
    .into();
    let int = |column: &ArrayRef| compute::cast(column, &DataType::Int32).unwrap();
    columns.push(compute::cast(&int(&small), &DataType::Date32).unwrap());
    columns.push(compute::cast(&int(&small), &DataType::Time32(TimeUnit::Millisecond)).unwrap());
    columns.push(Arc::new(BooleanArray::from_iter(
        (0..ROWS).map(|row| (row % 6 != 1).then_some(row % 2 == 0)),
    )));
    columns.push(compute::cast(&texts, &DataType::Binary).unwrap());
    columns.push(Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            (0..ROWS).map(|row| (row % 9 != 4).then_some([row as u8; 5])),
            5,
        )
        .unwrap(),
    ));
    columns.push(list(&texts, true));
    columns.push(list(&list(&numbers, false), true));
    columns.push(structure(&numbers, &texts));
    columns.push(list(&structure(&numbers, &texts), false));
    columns.push(structure(&list(&texts, true), &structure(&small, &texts)));
    columns.push(fixed_list(&numbers));
    columns.push(fixed_list(&list(&texts, false)));
    columns.push(map(&texts));
    columns.push(list(&map(&numbers), true));
    columns.extend([numbers, texts]);
    columns
        .into_iter()
        .map(|column| (Field::new("c", column.data_type().clone(), true), column))
        .collect()
}

fn nulls(rows: usize) -> NullBuffer {
    NullBuffer::from_iter((0..rows).map(|row| row % 4 != 1))
}

/// Lists of 0, 1, 2, 0, ... rows, up to the end.
fn list(values: &ArrayRef, with_nulls: bool) -> ArrayRef {
    let lengths = (0..ROWS).scan(0, |used, row| {
        let length = (row % 3).min(values.len() - *used);
        *used += length;
        Some(length)
    });
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(
        item,
        offsets,
        Arc::clone(values),
        with_nulls.then(|| nulls(ROWS)),
    ))
}

fn fixed_list(values: &ArrayRef) -> ArrayRef {
    let twice = compute::concat(&[values, values]).unwrap();
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Arc::new(FixedSizeListArray::new(item, 2, twice, Some(nulls(ROWS))))
}

fn structure(a: &ArrayRef, b: &ArrayRef) -> ArrayRef {
    let field = |name: &str, column: &ArrayRef| Field::new(name, column.data_type().clone(), true);
    let fields = Fields::from(vec![field("a", a), field("b", b)]);
    Arc::new(StructArray::new(
        fields,
        vec![Arc::clone(a), Arc::clone(b)],
        Some(nulls(a.len())),
    ))
}

fn map(values: &ArrayRef) -> ArrayRef {
    let keys: ArrayRef = Arc::new(Int32Array::from_iter_values(0..values.len() as i32));
    let fields = Fields::from(vec![
        Field::new("keys", DataType::Int32, false),
        Field::new("values", values.data_type().clone(), true),
    ]);
    let entries = StructArray::new(fields, vec![keys, Arc::clone(values)], None);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let lengths = (0..ROWS).scan(0, |used, row| {
        let length = (row % 3).min(entries.len() - *used);
        *used += length;
        Some(length)
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(MapArray::new(
        field,
        offsets,
        entries,
        Some(nulls(ROWS)),
        false,
    ))
}
