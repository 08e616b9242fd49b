//! `regexp_replace(text, regex, replacement)`: Java's, as Spark has it.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion_common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use regex::Regex;

/// Replaces every match of a regular expression.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct RegexpReplace {
    signature: Signature,
}

/// What stands in for a match: `$1` and `${name}` are groups, `\$` is a dollar.
pub(crate) struct Replacement(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
}

// === impl RegexpReplace ===

impl RegexpReplace {
    pub(super) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for RegexpReplace {
    fn name(&self) -> &str {
        "regexp_replace"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if types.len() != 3 || types.iter().any(DataType::is_nested) {
            return plan_err!(
                "regexp_replace takes a text, a regular expression and a replacement"
            );
        }
        Ok(vec![DataType::Utf8; 3])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = super::columns(&args)?;
        let [text, pattern, with] = columns.as_slice() else {
            return exec_err!("regexp_replace takes three texts");
        };
        let rows = text
            .as_string::<i32>()
            .iter()
            .zip(pattern.as_string::<i32>())
            .zip(with.as_string::<i32>());
        // What one row needed the next one mostly needs too.
        let mut last: Option<(&str, &str, Regex, Replacement)> = None;
        let result = rows.map(|((text, pattern), with)| {
            let (Some(text), Some(pattern), Some(with)) = (text, pattern, with) else {
                return Ok(None);
            };
            let known = last
                .as_ref()
                .is_some_and(|(regex, replacement, ..)| (*regex, *replacement) == (pattern, with));
            if !known {
                let regex = super::text::regex(pattern)?;
                let replacement = Replacement::parse(with, &regex)
                    .map_err(|reason| exec_datafusion_err!("{reason}"))?;
                last = Some((pattern, with, regex, replacement));
            }
            Ok(last
                .as_ref()
                .map(|(.., regex, replacement)| replacement.replace(text, regex)))
        });
        let result = result.collect::<Result<StringArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(result)))
    }
}

// === impl Replacement ===

impl Replacement {
    /// Reads a replacement; `Err`: why it is none for this regular expression.
    pub(crate) fn parse(text: &str, regex: &Regex) -> std::result::Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                '$' => {
                    let (group, after) = group(rest, regex).ok_or_else(|| {
                        format!(
                            "the replacement `{text}` has a `$` that names no group of the regular expression, which has {}; write \\\\$ for a dollar",
                            regex.captures_len() - 1
                        )
                    })?;
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                    rest = after;
                }
                '\\' => {
                    let Some(escaped) = rest.chars().next() else {
                        return Err(format!(
                            "the replacement `{text}` ends in a backslash; write four for one"
                        ));
                    };
                    plain.push(escaped);
                    rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                }
                letter => plain.push(letter),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    fn replace(&self, text: &str, regex: &Regex) -> String {
        let mut result = String::with_capacity(text.len());
        let mut found = regex.capture_locations();
        let (mut copied, mut from) = (0, 0);
        while from <= text.len()
            && let Some(whole) = regex.captures_read_at(&mut found, text, from)
        {
            result += text.get(copied..whole.start()).unwrap_or_default();
            for part in &self.0 {
                result += match part {
                    Part::Text(text) => text,
                    Part::Group(group) => found
                        .get(*group)
                        .and_then(|(start, end)| text.get(start..end))
                        .unwrap_or_default(),
                };
            }
            copied = whole.end();
            // Java also finds what is empty right after a match.
            from = match whole.is_empty() {
                true => copied + next_letter(text, copied),
                false => copied,
            };
        }
        result + text.get(copied..).unwrap_or_default()
    }
}

/// How long the letter at a place is; 1 at the end.
fn next_letter(text: &str, at: usize) -> usize {
    let letter = text.get(at..).and_then(|rest| rest.chars().next());
    letter.map_or(1, char::len_utf8)
}

/// The group that is named after a `$`, and what follows.
fn group<'a>(text: &'a str, regex: &Regex) -> Option<(usize, &'a str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (name, after) = braced.split_once('}')?;
        let group = regex
            .capture_names()
            .position(|known| known == Some(name))?;
        return Some((group, after));
    }
    // As many digits as there are groups for.
    let (mut group, mut after) = (None, text);
    while let Some(digit) = after.chars().next().and_then(|letter| letter.to_digit(10)) {
        let longer = group.unwrap_or(0) * 10 + digit as usize;
        if longer >= regex.captures_len() {
            break;
        }
        group = Some(longer);
        after = after.get(1..).unwrap_or_default();
    }
    Some((group?, after))
}
