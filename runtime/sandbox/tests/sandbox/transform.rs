//! Rows and columns of right answers.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use azud_sandbox::{GuestError, Limits, Rows};

use crate::support::{batch, hostile, table};

#[test]
fn computed_and_carried_columns_in_the_announced_order() {
    let mut transform = hostile("", Limits::default()).unwrap();
    assert_eq!(transform.reads(), [0]);
    let announced = Schema::new(vec![
        Field::new("s", DataType::Utf8, true),
        Field::new("out", DataType::Int64, false),
    ]);
    assert_eq!(**transform.output_schema(), announced);

    let input = batch(5);
    let processed = transform.process(&input).unwrap();
    assert_eq!(processed.rows, Rows::Identity);
    assert_eq!(processed.output.column(0), input.column(1));
    assert_eq!(processed.output.column(1), input.column(0));
    // Carried without a copy.
    assert_eq!(
        processed.output.column(0).to_data().buffers()[1].as_ptr(),
        input.column(1).to_data().buffers()[1].as_ptr()
    );
}

#[test]
fn slices_and_empty_batches() {
    let mut transform = hostile("", Limits::default()).unwrap();
    let whole = batch(100);
    for (start, length) in [
        (0, 100),
        (11, 89),
        (11, 1),
        (8, 16),
        (99, 1),
        (50, 0),
        (0, 0),
    ] {
        let slice = whole.slice(start, length);
        let processed = transform.process(&slice).unwrap();
        assert_eq!(processed.output.column(0), slice.column(1));
        assert_eq!(processed.output.column(1), slice.column(0));
    }
}

#[test]
fn an_output_without_computed_columns() {
    let mut transform = hostile("compute-nothing", Limits::default()).unwrap();
    assert_eq!(transform.process(&batch(4)).unwrap().output.num_rows(), 4);
}

#[test]
fn a_batch_of_another_schema_never_enters() {
    let mut transform = hostile("", Limits::default()).unwrap();
    let n: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let error = transform.process(&table([("n", n.clone())])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the batch does not fit the plugin's input: it has 1 columns, not 2"
    );
    let error = transform
        .process(&table([("n", n.clone()), ("s", n)]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the batch does not fit the plugin's input: column `s` is Int64, not Utf8"
    );
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let s: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let error = transform
        .process(&table([("n", narrow), ("s", s)]))
        .unwrap_err();
    assert!(matches!(error, GuestError::Input { .. }));
}

#[test]
fn instances_are_used_side_by_side() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let mut transform = hostile("rows-backwards", Limits::default()).unwrap();
                (0..100)
                    .map(|rows| {
                        transform
                            .process(&batch(rows + 2))
                            .unwrap()
                            .output
                            .num_rows()
                    })
                    .sum::<usize>()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), (2..102).sum::<usize>());
    }
}

#[test]
fn the_output_is_a_batch_that_arrow_would_make() {
    let mut transform = hostile("text:u", Limits::default()).unwrap();
    let output = transform.process(&batch(7)).unwrap().output;
    output
        .columns()
        .iter()
        .for_each(|column| column.to_data().validate_full().unwrap());
    assert!(RecordBatch::try_new(output.schema(), output.columns().to_vec()).is_ok());
}
