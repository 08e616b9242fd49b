//! Columns through a guest that returns them: every layout that the host casts,
//! and a few that it does not.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
    compute,
    datatypes::{DataType, Field, TimeUnit},
};
use azud_sandbox::{Limits, Silent, Transform};

use crate::support::{plugin, table};

fn echo(batch: &RecordBatch) -> RecordBatch {
    let mut transform = Transform::open(
        &plugin("echo"),
        "",
        &batch.schema(),
        Limits::default(),
        Arc::new(Silent),
    )
    .unwrap();
    let whole = transform.process(batch).unwrap().output;
    for (start, length) in [(11, batch.num_rows() - 11), (3, 1), (7, 0)] {
        let slice = transform
            .process(&batch.slice(start, length))
            .unwrap()
            .output;
        assert_eq!(slice, whole.slice(start, length));
    }
    whole
}

#[test]
fn values_come_back_bit_by_bit() {
    let numbers =
        Int64Array::from_iter((0..100).map(|row| (row % 3 != 0).then_some((1 << 53) + 1 + row)));
    let floats = Float64Array::from_iter_values((0..100).map(|row| {
        if row % 2 == 0 {
            -0.0
        } else {
            f64::from(row) / 3.0
        }
    }));
    let texts =
        StringArray::from_iter((0..100).map(|row| (row % 7 != 0).then(|| "añ☃".repeat(row % 5))));
    let batch = table([
        ("n", Arc::new(numbers) as ArrayRef),
        ("f", Arc::new(floats)),
        ("t", Arc::new(texts)),
    ]);
    assert_eq!(echo(&batch), batch);
}

#[test]
fn other_layouts_arrive_as_those_of_the_contract() {
    let texts: ArrayRef = Arc::new(StringArray::from_iter(
        (0..50).map(|row| (row % 4 != 0).then(|| format!("año {}", row % 6))),
    ));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let lists = DataType::LargeList(Arc::new(Field::new_list_field(DataType::Utf8View, true)));
    let plain_lists = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    for (column, layout, becomes) in [
        (&texts, DataType::LargeUtf8, DataType::Utf8),
        (&texts, DataType::Utf8View, DataType::Utf8),
        (&texts, dictionary, DataType::Utf8),
        (&texts, DataType::BinaryView, DataType::Binary),
        (&texts, lists, plain_lists),
        (
            &numbers,
            DataType::Date64,
            DataType::Timestamp(TimeUnit::Millisecond, None),
        ),
        (
            &numbers,
            DataType::Decimal64(18, 2),
            DataType::Decimal128(18, 2),
        ),
        (
            &numbers,
            DataType::Duration(TimeUnit::Second),
            DataType::Duration(TimeUnit::Millisecond),
        ),
    ] {
        let column = compute::cast(column, &layout).unwrap();
        let output = echo(&table([("c", column.clone())]));
        assert_eq!(output.column(0).data_type(), &becomes);
        assert_eq!(output.column(0), &compute::cast(&column, &becomes).unwrap());
    }
}

#[test]
fn a_column_of_nulls_and_no_column_at_all() {
    let nulls: ArrayRef = arrow::array::new_null_array(&DataType::Null, 20);
    let output = echo(&table([("c", nulls)]));
    assert_eq!(
        (output.column(0).data_type(), output.column(0).null_count()),
        (&DataType::Boolean, 20)
    );
}
