//! `split(text, regex[, limit])`: Java's, as Spark has it.

use std::sync::Arc;

use arrow::array::{Array, ArrayBuilder, ArrayRef, ListArray, StringArray, StringBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion_common::cast::as_string_array;
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use regex::Regex;

/// Cuts text where a regular expression matches.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Split {
    signature: Signature,
}

/// Where to cut.
enum Cut {
    /// A separator without special characters.
    Literal(String),
    Regex(Regex),
}

// === impl Split ===

impl Split {
    pub(super) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Split {
    fn name(&self) -> &str {
        "split"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types.len() {
            2 => Ok(vec![DataType::Utf8, DataType::Utf8]),
            3 => Ok(vec![DataType::Utf8, DataType::Utf8, DataType::Int32]),
            _ => plan_err!("split takes a text, a regular expression and perhaps a limit"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (text, regex, limit) = match args.args.as_slice() {
            [text, regex] => (text, regex, None),
            [text, regex, limit] => (text, regex, Some(limit)),
            _ => return exec_err!("split takes two or three arguments"),
        };
        let rows = args.number_rows;
        let text = text.to_array(rows)?;
        let text = as_string_array(&text)?;
        let limit = match limit {
            None => -1,
            Some(ColumnarValue::Scalar(ScalarValue::Int32(Some(limit)))) => *limit,
            Some(_) => return exec_err!("the limit of split is a number, the same in each row"),
        };
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let result = match regex {
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(regex))) => {
                split_all(text, &Cut::new(regex)?, limit)?
            }
            ColumnarValue::Scalar(_) => {
                arrow::array::new_null_array(&DataType::List(item()), text.len())
            }
            ColumnarValue::Array(_) => {
                return exec_err!("the regular expression of split is the same in each row");
            }
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Utf8, true))
}

fn split_all(text: &StringArray, cut: &Cut, limit: Option<usize>) -> Result<ArrayRef> {
    let bytes = text.value_data().len();
    let mut parts = StringBuilder::with_capacity(bytes / 4, bytes);
    let mut lengths = Vec::with_capacity(text.len());
    for row in text {
        let before = parts.len();
        if let Some(row) = row {
            cut.split(row, limit, |part| parts.append_value(part));
        }
        lengths.push(parts.len() - before);
    }
    Ok(Arc::new(ListArray::try_new(
        item(),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(parts.finish()),
        text.nulls().cloned(),
    )?))
}

// === impl Cut ===

impl Cut {
    fn new(regex: &str) -> Result<Self> {
        let special = |letter: char| r".$|()[{^?*+\".contains(letter);
        if !regex.is_empty() && !regex.contains(special) {
            return Ok(Self::Literal(regex.to_owned()));
        }
        if let Some(escaped) = regex.strip_prefix('\\')
            && let [letter] = escaped.as_bytes()
            && letter.is_ascii_punctuation()
        {
            return Ok(Self::Literal(escaped.to_owned()));
        }
        super::text::regex(regex).map(Self::Regex)
    }

    fn split<'a>(&self, text: &'a str, limit: Option<usize>, mut part: impl FnMut(&'a str)) {
        match (self, limit) {
            (Self::Literal(separator), None) => text.split(separator.as_str()).for_each(part),
            (Self::Literal(separator), Some(limit)) => {
                text.splitn(limit, separator.as_str()).for_each(part);
            }
            (Self::Regex(regex), limit) => {
                let mut from = 0;
                let mut made = 1;
                for found in regex.find_iter(text) {
                    if limit.is_some_and(|limit| made >= limit) {
                        break;
                    }
                    // Java: an empty match at the very start cuts nothing, and
                    // one at the very end none either unless text is left.
                    let nothing = found.is_empty() && (found.start() == 0 || found.end() == text.len());
                    if nothing {
                        continue;
                    }
                    part(text.get(from..found.start()).unwrap_or_default());
                    from = found.end();
                    made += 1;
                }
                part(text.get(from..).unwrap_or_default());
            }
        }
    }
}
