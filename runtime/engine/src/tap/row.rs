//! Rows as they are shown: JSON, an object each.

use azud_connect::whole_row_json;
use azud_model::{Batch, Rejected, Result};
use serde_json::{Map, Value};

use super::TappedRow;

/// Longer rows are not shown, only how long they are: writing one would hold up its lane.
const ROW: usize = 64 << 10;

/// A row of a batch.
pub(super) fn shown(batch: &Batch, row: usize) -> TappedRow {
    // Alone, so that nothing is made of its neighbours.
    let alone = batch.slice(row, 1);
    let bytes = alone.bytes();
    match bytes > ROW {
        true => TappedRow::TooLong { bytes },
        false => TappedRow::Row(text(whole_row_json(alone.columns(), 0))),
    }
}

/// A rejected row, with the columns of every `<node>.rejected`; but its `value` is `text` where it is
/// one.
pub(super) fn shown_rejected(rejected: &Rejected) -> Result<TappedRow> {
    let bytes = rejected.value.as_ref().map_or(0, Vec::len) + rejected.reason.len();
    if bytes > ROW {
        return Ok(TappedRow::TooLong { bytes });
    }
    let value = rejected.value.as_deref();
    let value = value.and_then(|value| std::str::from_utf8(value).ok());
    let batch = azud_model::RejectedBatch {
        rows: vec![rejected.clone()],
    };
    let row = text(whole_row_json(batch.to_batch()?.columns(), 0));
    let Some(value) = value else {
        return Ok(TappedRow::Row(row));
    };
    let mut columns = Map::from_iter([("text".to_owned(), Value::from(value))]);
    if let Ok(Value::Object(others)) = serde_json::from_str(&row) {
        columns.extend(others.into_iter().filter(|(name, _)| name != "value"));
    }
    Ok(TappedRow::Row(Value::Object(columns).to_string()))
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::*;

    fn batch(words: Vec<Option<&str>>) -> Batch {
        let numbers = Int64Array::from_iter_values(0..words.len() as i64);
        let words: ArrayRef = Arc::new(StringArray::from(words));
        let columns = [
            ("n", Arc::new(numbers) as ArrayRef, false),
            ("word", words, true),
        ];
        Batch::without_origin(RecordBatch::try_from_iter_with_nullable(columns).unwrap())
    }

    #[test]
    fn a_row_has_all_its_columns() {
        let batch = batch(vec![Some("a \"b\""), None]);
        let row = |json: &str| TappedRow::Row(json.to_owned());
        assert_eq!(shown(&batch, 0), row(r#"{"n":0,"word":"a \"b\""}"#));
        assert_eq!(shown(&batch, 1), row(r#"{"n":1,"word":null}"#));
    }

    #[test]
    fn a_long_row_is_not_written_and_its_neighbours_are() {
        let long = "x".repeat(ROW);
        let batch = batch(vec![Some("a"), Some(&long)]);
        assert_eq!(
            shown(&batch, 0),
            TappedRow::Row(r#"{"n":0,"word":"a"}"#.to_owned())
        );
        let TappedRow::TooLong { bytes } = shown(&batch, 1) else {
            panic!("it is shown");
        };
        assert!((ROW..ROW + 100).contains(&bytes), "{bytes}");
    }

    #[test]
    fn what_was_rejected_is_text_where_it_is_one() {
        let mut rejected = Rejected {
            value: Some(b"{\"a\":1".to_vec()),
            node: "words".to_owned(),
            reason: "not JSON".to_owned(),
            epoch: 3,
            attempt: 1,
            ..Rejected::default()
        };
        let rest = r#""source":null,"partition":null,"position":null,"node":"words","reason":"not JSON","plugin":null,"epoch":3,"attempt":1}"#;
        let row = |begins: &str| TappedRow::Row(format!("{begins},{rest}"));
        assert_eq!(
            shown_rejected(&rejected).unwrap(),
            row(r#"{"text":"{\"a\":1""#)
        );
        rejected.value = Some(vec![0xff, 0xfe]);
        assert_eq!(
            shown_rejected(&rejected).unwrap(),
            row(r#"{"value":"//4=""#)
        );
        rejected.value = Some(vec![b'x'; ROW]);
        assert!(matches!(
            shown_rejected(&rejected).unwrap(),
            TappedRow::TooLong { .. }
        ));
    }
}
