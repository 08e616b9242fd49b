//! `initcap` and `right`: functions that look at the letters of a text.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// A function of a text, and perhaps a number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Letters {
    kind: Kind,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Every word with one capital letter, its first. Only spaces separate words.
    Initcap,
    /// The last letters; none of them if their number is negative.
    Right,
}

// === impl Letters ===

impl Letters {
    pub(super) fn all() -> [Self; 2] {
        [Kind::Initcap, Kind::Right].map(|kind| Self {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for Letters {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Initcap => "initcap",
            Kind::Right => "right",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.kind, types) {
            (Kind::Initcap, [text]) if !text.is_nested() => Ok(vec![DataType::Utf8]),
            (Kind::Initcap, _) => plan_err!("initcap takes a text"),
            (Kind::Right, [text, _]) if !text.is_nested() => {
                Ok(vec![DataType::Utf8, DataType::Int32])
            }
            (Kind::Right, _) => plan_err!("right takes a text and a number of letters"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = super::columns(&args)?;
        let result: ArrayRef = match columns.as_slice() {
            [text] => {
                let rows = text.as_string::<i32>().iter();
                Arc::new(rows.map(|text| text.map(initcap)).collect::<StringArray>())
            }
            [text, count] => {
                let rows = text.as_string::<i32>().iter();
                let rows = rows.zip(count.as_primitive::<Int32Type>());
                Arc::new(
                    rows.map(|(text, count)| Some(right(text?, count?)))
                        .collect::<StringArray>(),
                )
            }
            _ => return exec_err!("{} takes a text", self.name()),
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn initcap(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut first = true;
    for letter in text.to_lowercase().chars() {
        if first {
            // What becomes two letters (`ß`) has a capital and a small one.
            let mut upper = letter.to_uppercase();
            result.extend(upper.next());
            result.extend(upper.flat_map(char::to_lowercase));
        } else {
            result.push(letter);
        }
        first = letter == ' ';
    }
    result
}

fn right(text: &str, count: i32) -> &str {
    let Some(before) = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_sub(1))
    else {
        return "";
    };
    let start = text.char_indices().rev().nth(before);
    start.map_or(text, |(start, _)| text.get(start..).unwrap_or_default())
}
