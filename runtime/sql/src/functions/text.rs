//! Functions on text that DataFusion lacks or has otherwise: computed row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion_common::{Result, exec_datafusion_err, exec_err};
use datafusion_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use regex::Regex;

/// A function of two texts and a number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TextFunction {
    kind: Kind,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// `locate(part, text[, from])`: where the part begins, from 1; 0: nowhere.
    Locate,
    /// `regexp_extract(text, regex[, group])`: the group's text; empty without a match.
    RegexpExtract,
    /// `substring_index(text, separator, count)`: what is before the separator's occurrence.
    SubstringIndex,
}

// === impl TextFunction ===

impl TextFunction {
    pub(super) fn all() -> [Self; 3] {
        [Kind::Locate, Kind::RegexpExtract, Kind::SubstringIndex].map(|kind| {
            let with_number =
                TypeSignature::Exact(vec![DataType::Utf8, DataType::Utf8, DataType::Int32]);
            let signature = match kind {
                Kind::SubstringIndex => with_number,
                Kind::Locate | Kind::RegexpExtract => TypeSignature::OneOf(vec![
                    with_number,
                    TypeSignature::Exact(vec![DataType::Utf8, DataType::Utf8]),
                ]),
            };
            Self {
                kind,
                signature: Signature::new(signature, Volatility::Immutable),
            }
        })
    }
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Locate => "locate",
            Kind::RegexpExtract => "regexp_extract",
            Kind::SubstringIndex => "substring_index",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Locate => DataType::Int32,
            Kind::RegexpExtract | Kind::SubstringIndex => DataType::Utf8,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (first, second, number) = match args.args.as_slice() {
            [first, second] => (first, second, None),
            [first, second, number] => (first, second, Some(number.to_array(rows)?)),
            _ => return exec_err!("{} takes two texts and a number", self.name()),
        };
        let (first, second) = (first.to_array(rows)?, second.to_array(rows)?);
        let number = number.unwrap_or_else(|| Arc::new(Int32Array::from(vec![1; rows])));
        let rows = first
            .as_string::<i32>()
            .iter()
            .zip(second.as_string::<i32>())
            .zip(number.as_primitive::<Int32Type>())
            .map(|((first, second), number)| Some((first?, second?, number?)));
        let result: ArrayRef = match self.kind {
            Kind::Locate => Arc::new(
                rows.map(|row| row.map(|(part, text, from)| locate(part, text, from)))
                    .collect::<Int32Array>(),
            ),
            Kind::SubstringIndex => Arc::new(
                rows.map(|row| row.map(|(text, cut, count)| before(text, cut, count)))
                    .collect::<StringArray>(),
            ),
            Kind::RegexpExtract => {
                let mut last: Option<(String, Regex)> = None;
                let found = rows.map(|row| {
                    let Some((text, pattern, group)) = row else {
                        return Ok(None);
                    };
                    if last.as_ref().is_none_or(|(known, _)| known != pattern) {
                        last = Some((pattern.to_owned(), regex(pattern)?));
                    }
                    match &last {
                        Some((_, regex)) => extract(text, regex, group).map(Some),
                        None => Ok(None),
                    }
                });
                Arc::new(found.collect::<Result<StringArray>>()?)
            }
        };
        Ok(ColumnarValue::Array(result))
    }
}

/// A regular expression, or why it is none.
pub(super) fn regex(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ");
        exec_datafusion_err!("`{pattern}` is no regular expression: {reason}")
    })
}

fn locate(part: &str, text: &str, from: i32) -> i32 {
    let Some(skip) = usize::try_from(from)
        .ok()
        .and_then(|from| from.checked_sub(1))
    else {
        return 0;
    };
    let start = match text.char_indices().nth(skip) {
        Some((start, _)) => start,
        None if skip == text.chars().count() => text.len(),
        None => return 0,
    };
    let found = text.get(start..).and_then(|rest| rest.find(part));
    let letters = found.and_then(|found| text.get(..start + found));
    letters.map_or(0, |before| {
        i32::try_from(before.chars().count() + 1).unwrap_or(i32::MAX)
    })
}

fn before<'a>(text: &'a str, separator: &str, count: i32) -> &'a str {
    let Some(nth) = (count.unsigned_abs() as usize).checked_sub(1) else {
        return "";
    };
    if separator.is_empty() {
        return "";
    }
    if count > 0 {
        let found = text.match_indices(separator).nth(nth);
        found.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
    } else {
        let found = text.rmatch_indices(separator).nth(nth);
        found
            .and_then(|(at, _)| text.get(at + separator.len()..))
            .unwrap_or(text)
    }
}

fn extract<'a>(text: &'a str, regex: &Regex, group: i32) -> Result<&'a str> {
    let groups = regex.captures_len();
    let Some(group) = usize::try_from(group).ok().filter(|group| *group < groups) else {
        return exec_err!(
            "the regular expression has {} groups, not {group}",
            groups - 1
        );
    };
    let found = regex.captures(text).and_then(|found| found.get(group));
    Ok(found.map_or("", |found| found.as_str()))
}
