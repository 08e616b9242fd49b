//! What is said of a value that its column cannot hold.

use azud_model::{Column, ColumnType};

/// Longer values are cut in a reason: the record itself goes to `rejected` too.
const SHOWN: usize = 80;

/// "column `amount`: 1.9 is not a bigint".
pub(super) fn misfit(column: &Column, value: &str) -> String {
    let value = match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    };
    let (name, wanted) = (&column.name, &column.column_type);
    let article = match wanted {
        ColumnType::Int | ColumnType::Array(_) => "an",
        _ => "a",
    };
    format!("column `{name}`: {value} is not {article} {wanted}")
}
