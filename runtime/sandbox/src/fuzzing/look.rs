//! What was accepted must be what Arrow would have made, to whoever reads it.

use arrow::{
    array::{Array as _, ArrayRef, UInt32Array},
    compute,
    datatypes::Field,
    util::display::{ArrayFormatter, FormatOptions},
};

use crate::{
    Rows,
    boundary::{Buffers, Export, import},
};

/// Validates a column, reads it value by value, and does with it what comes next
/// in a pipeline: rows taken, batches joined, a slice lent to the next plugin.
pub(super) fn into(field: &Field, column: &ArrayRef) {
    let wrong = |error: &dyn std::fmt::Display| -> ! { panic!("{field}: {error}") };
    if let Err(error) = column.to_data().validate_full() {
        wrong(&error);
    }
    // A zone that nobody knows is the one thing that has no text.
    let options = FormatOptions::default().with_display_error(true);
    if let Ok(formatter) = ArrayFormatter::try_new(column, &options) {
        (0..column.len().min(50)).for_each(|row| drop(formatter.value(row).to_string()));
    }
    if column.len() > 10_000 {
        return;
    }
    let backwards = UInt32Array::from_iter_values((0..column.len() as u32).rev());
    let taken = compute::take(column, &backwards, None).unwrap_or_else(|error| wrong(&error));
    let both = compute::concat(&[column, &taken]).unwrap_or_else(|error| wrong(&error));
    assert_eq!(
        both.slice(0, column.len()).as_ref(),
        column.as_ref(),
        "{field}"
    );
    for (start, length) in [(0, both.len()), (both.len() / 3, both.len() / 2)] {
        let slice = both.slice(start, length);
        let mut export = Export::default();
        export.push(&slice).unwrap_or_else(|error| wrong(&error));
        let buffers = export.lend().into_iter().map(<[u8]>::to_vec).collect();
        let back = import(&mut Buffers::new(buffers), field, length);
        let back = back.unwrap_or_else(|error| wrong(&error));
        assert_eq!(back.as_ref(), slice.as_ref(), "{field}");
    }
}

/// Every row that is named is there, and is not gone.
pub(super) fn at_origins(rows: &Rows, output: usize, input: usize, carries: bool, gone: &[usize]) {
    match rows {
        Rows::Identity => assert!(output == input && gone.is_empty()),
        Rows::Unrelated => assert!(!carries),
        Rows::Indices(rows) => {
            assert_eq!(rows.len(), output);
            let fits = |row: &u32| (*row as usize) < input && !gone.contains(&(*row as usize));
            assert!(rows.values().iter().all(fits));
        }
    }
    assert!(gone.iter().all(|row| *row < input));
}
