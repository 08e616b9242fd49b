//! The cells of a row as texts: equal where the values are.
//!
//! A text is what YAML reads as the same value between `{ }`, so that a row that is shown can be
//! put into `expect`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;

use crate::literal::quoted;

/// What null is shown as.
pub(crate) const NULL: &str = "null";

/// One row: a text a column.
pub(crate) type Row = Vec<String>;

/// All rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let row = |row| {
        let columns = batch.columns().iter();
        columns.map(|column| cell(column, row)).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

/// One row, its cells in the order of `schema`; what the batch has no column for is null.
pub(crate) fn row_of(batch: &RecordBatch, schema: &Schema) -> Row {
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) => cell(column, 0),
        None => NULL.to_owned(),
    };
    schema.fields().iter().map(column).collect()
}

fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return NULL.to_owned();
    }
    match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let cells = fields.iter().zip(columns);
            let cells = cells.map(|(field, column)| (field.name().as_str(), cell(column, row)));
            show(cells)
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let mut cells: Vec<(String, String)> = match entries.columns() {
                [keys, values] => (0..entries.len())
                    .map(|entry| (key(&cell(keys, entry)), cell(values, entry)))
                    .collect(),
                _ => Vec::new(),
            };
            // Which entry was put in first is no part of the value.
            cells.sort();
            let cells: Vec<_> = cells
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            braced(&cells)
        }
        _ => leaf(array, row),
    }
}

/// A row as it is shown: `{ word: "to", count: 2 }`.
pub(crate) fn show<'a>(cells: impl Iterator<Item = (&'a str, String)>) -> String {
    let cells: Vec<_> = cells
        .map(|(column, cell)| format!("{}: {cell}", name(column)))
        .collect();
    braced(&cells)
}

/// A column's name as YAML reads it, quoted only where it has to be.
pub(crate) fn name(column: &str) -> String {
    let mut letters = column.chars();
    let is_plain = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !["true", "false", NULL].contains(&column.to_ascii_lowercase().as_str());
    match is_plain {
        true => column.to_owned(),
        false => quoted(column),
    }
}

fn braced(cells: &[String]) -> String {
    match cells.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", cells.join(", ")),
    }
}

fn list(items: &ArrayRef) -> String {
    let cells: Vec<_> = (0..items.len()).map(|item| cell(items, item)).collect();
    format!("[{}]", cells.join(", "))
}

/// Keys of a map are strings wherever they are written.
fn key(cell: &str) -> String {
    match cell.starts_with('"') {
        true => cell.to_owned(),
        false => quoted(cell),
    }
}

/// As the json format writes it.
fn leaf(array: &ArrayRef, row: usize) -> String {
    let field = Field::new("v", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let json = RecordBatch::try_new(schema, vec![array.slice(row, 1)])
        .map(|batch| azud_connect::row_json(&batch, 0))
        .unwrap_or_default();
    let json = String::from_utf8_lossy(&json);
    let value = json.strip_prefix("{\"v\":");
    match value.and_then(|value| value.strip_suffix('}')) {
        // SQL does not tell one zero from the other.
        Some("-0.0") => "0.0".to_owned(),
        Some(value) => value.to_owned(),
        None => quoted("?"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn equal_values_have_equal_texts() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
            ("s", Arc::new(StringArray::from(vec!["a\n\"b", "null"]))),
            ("d", Arc::new(Float64Array::from(vec![-0.0, f64::NAN]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        assert_eq!(
            rows(&batch),
            [
                ["1", "\"a\\n\\\"b\"", "0.0"],
                ["null", "\"null\"", "\"NaN\""]
            ]
        );
    }

    #[test]
    fn names_are_quoted_where_yaml_would_read_something_else() {
        for (column, expected) in [
            ("word", "word"),
            ("count(*)", "\"count(*)\""),
            ("Null", "\"Null\""),
            ("1st", "\"1st\""),
            ("", "\"\""),
        ] {
            assert_eq!(name(column), expected);
        }
    }
}
