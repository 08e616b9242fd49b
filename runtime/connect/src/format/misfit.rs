//! What is said of a value that its column cannot hold.

use std::borrow::Cow;

use azud_model::{Column, ColumnType};

/// Longer values are cut in a reason: the record itself goes to `rejected` too.
const SHOWN: usize = 80;

/// "column `amount`: 1.9 is not a bigint".
pub(super) fn misfit(column: &Column, value: &str) -> String {
    let value = shown(value, SHOWN);
    let (name, wanted) = (&column.name, &column.column_type);
    let article = match wanted {
        ColumnType::Int | ColumnType::Array(_) => "an",
        _ => "a",
    };
    format!("column `{name}`: {value} is not {article} {wanted}")
}

/// At most so many characters of a text.
pub(super) fn shown(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}
