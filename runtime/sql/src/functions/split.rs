//! `split(text, regex[, limit])`: Java's, as Spark has it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StringArray};
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
    /// A separator of one byte.
    Byte(u8),
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
    let mut parts = Parts {
        bytes: Vec::with_capacity(text.value_data().len()),
        ends: Vec::with_capacity(text.value_data().len() / 4),
    };
    parts.ends.push(0);
    let mut lengths = Vec::with_capacity(text.len());
    for row in text {
        let before = parts.ends.len();
        if let Some(row) = row {
            cut.split(row, limit, |part| parts.push(part));
        }
        lengths.push(parts.ends.len() - before);
    }
    Ok(Arc::new(ListArray::try_new(
        item(),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(parts.finish()?),
        text.nulls().cloned(),
    )?))
}

/// Texts without nulls, faster to fill than Arrow's builder.
struct Parts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Parts {
    fn push(&mut self, part: &str) {
        self.bytes.extend_from_slice(part.as_bytes());
        self.ends.push(self.bytes.len());
    }

    fn finish(self) -> Result<StringArray> {
        // Parts are never longer than the text, whose offsets fit.
        let ends: Vec<i32> = self
            .ends
            .into_iter()
            .map(|end| i32::try_from(end).unwrap_or(i32::MAX))
            .collect();
        let ends = OffsetBuffer::new(ends.into());
        Ok(StringArray::try_new(ends, self.bytes.into(), None)?)
    }
}

// === impl Cut ===

impl Cut {
    fn new(regex: &str) -> Result<Self> {
        let special = |letter: char| r".$|()[{^?*+\".contains(letter);
        if !regex.is_empty() && !regex.contains(special) {
            return Ok(Self::literal(regex));
        }
        if let Some(escaped) = regex.strip_prefix('\\')
            && let [letter] = escaped.as_bytes()
            && letter.is_ascii_punctuation()
        {
            return Ok(Self::literal(escaped));
        }
        super::text::regex(regex).map(Self::Regex)
    }

    fn literal(separator: &str) -> Self {
        match separator.as_bytes() {
            [byte] => Self::Byte(*byte),
            _ => Self::Literal(separator.to_owned()),
        }
    }

    fn split<'a>(&self, text: &'a str, limit: Option<usize>, mut part: impl FnMut(&'a str)) {
        match (self, limit) {
            (Self::Byte(separator), limit) => {
                let limit = limit.unwrap_or(usize::MAX);
                let mut from = 0;
                for at in memchr::memchr_iter(*separator, text.as_bytes()).take(limit - 1) {
                    part(text.get(from..at).unwrap_or_default());
                    from = at + 1;
                }
                part(text.get(from..).unwrap_or_default());
            }
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
                    let nothing =
                        found.is_empty() && (found.start() == 0 || found.end() == text.len());
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
