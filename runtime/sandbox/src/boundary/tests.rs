//! The boundary under attack: columns of every layout, their buffers changed at
//! random, must be refused or be what Arrow's full validation accepts.

mod mutate;
mod samples;

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef},
    datatypes::{DataType, Field},
    util::display::{ArrayFormatter, FormatOptions},
};

use super::{Buffers, Export, import};
use crate::fuzzing::{self, Choices};
use mutate::Random;

fn buffers_of(column: &ArrayRef) -> Vec<Vec<u8>> {
    let mut export = Export::default();
    export.push(column).unwrap();
    export.lend().into_iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn every_layout_comes_back_as_it_went() {
    for (field, column) in samples::columns() {
        for (start, length) in [
            (0, column.len()),
            (11, column.len() - 11),
            (8, 8),
            (3, 1),
            (5, 0),
            (0, 0),
        ] {
            let slice = column.slice(start, length);
            let mut buffers = Buffers::new(buffers_of(&slice));
            let back = import(&mut buffers, &field, length).unwrap();
            assert_eq!(buffers.left(), 0, "{field}");
            assert_eq!(&back, &slice, "{field}");
            back.to_data().validate_full().unwrap();
        }
    }
}

#[test]
fn a_column_without_nulls_has_no_bitmap_and_offsets_start_at_zero() {
    for (_, column) in samples::columns() {
        let slice = column.slice(11, 20);
        let buffers = buffers_of(&slice);
        assert_eq!(buffers[0].is_empty(), slice.null_count() == 0);
        if slice.data_type().is_string() {
            assert_eq!(buffers[1][..4], [0; 4]);
        }
    }
}

#[test]
fn no_rows_need_no_bytes() {
    for (field, column) in samples::columns() {
        let empty = vec![Vec::new(); buffers_of(&column).len()];
        assert_eq!(
            import(&mut Buffers::new(empty), &field, 0).unwrap().len(),
            0,
            "{field}"
        );
    }
}

/// `AZUD_MUTATIONS=10000000` for a long run.
#[test]
fn mutated_buffers_never_panic() {
    let count = std::env::var("AZUD_MUTATIONS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(300_000);
    let samples: Vec<_> = samples::columns()
        .into_iter()
        .map(|(field, column)| (buffers_of(&column), field, column.len()))
        .collect();
    let mut random = Random::new(1);
    let mut accepted = 0;
    for round in 0..count {
        let (buffers, field, rows) = &samples[round % samples.len()];
        let (mut buffers, mut rows) = (buffers.clone(), *rows);
        mutate::mutate(&mut random, &mut buffers, &mut rows);
        let Ok(column) = import(&mut Buffers::new(buffers), field, rows) else {
            continue;
        };
        accepted += 1;
        column
            .to_data()
            .validate_full()
            .unwrap_or_else(|error| panic!("round {round}, {field}: {error}"));
        // Whatever reads it must not fall over either.
        let options = FormatOptions::default().with_display_error(true);
        let formatter = ArrayFormatter::try_new(&column, &options).unwrap();
        (0..column.len().min(50)).for_each(|row| drop(formatter.value(row).to_string()));
    }
    assert!(
        accepted > count / 20,
        "{accepted} of {count} were accepted: too few to mean anything"
    );
}

/// Empty lists of wide values cost nothing to send. Whoever takes rows of them
/// sets memory aside for one value each, and the process ends where there is none.
#[test]
fn empty_lists_of_wide_values_are_not_many() {
    let wide = |inner: DataType| {
        let item = Arc::new(Field::new_list_field(inner, true));
        Field::new("c", DataType::List(item), true)
    };
    let field = wide(wide(DataType::FixedSizeBinary(1 << 19)).data_type().clone());
    let lists = |rows: usize, inner: usize| {
        let mut outer = vec![0_u8; rows * 4];
        outer.extend((inner as i32).to_le_bytes());
        let inner = vec![0; (inner + 1) * 4];
        let buffers = vec![vec![], outer, vec![], inner, vec![], vec![]];
        import(&mut Buffers::new(buffers), &field, rows).map_err(|error| error.to_string())
    };
    assert_eq!(lists(2_000, 2_000).unwrap().len(), 2_000);
    for (rows, inner) in [(3_000, 0), (1, 3_000)] {
        let error = lists(rows, inner).unwrap_err();
        let expected = "at most 1073741824 are possible";
        assert!(error.contains(expected), "{error}");
    }
}

/// A short run of `fuzz/`'s targets of this crate, the same every time; `AZUD_ANSWERS=1000000`
/// for a long one.
#[test]
fn answers_of_any_schema_never_panic() {
    let mut random = Random::new(2);
    let mut accepted = [0; 4];
    let rounds = std::env::var("AZUD_ANSWERS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(20_000);
    for _ in 0..rounds {
        let bytes: Vec<u8> = (0..random.below(400))
            .map(|_| random.below(256) as u8)
            .collect();
        accepted[0] += usize::from(fuzzing::answer(&mut Choices::new(&bytes)));
        accepted[1] += usize::from(fuzzing::announce(&mut Choices::new(&bytes)));
        accepted[2] += usize::from(fuzzing::origins(&mut Choices::new(&bytes)));
        accepted[3] += usize::from(fuzzing::keyed(&mut Choices::new(&bytes)));
    }
    assert!(
        accepted.iter().all(|accepted| *accepted > rounds / 20),
        "{accepted:?} of {rounds} were accepted: too few to mean anything"
    );
}
