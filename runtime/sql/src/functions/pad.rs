//! `lpad`, `rpad`, `repeat` and `space`: texts whose length a row decides, so
//! that it has a limit.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::DataType;
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// The longest text that one call makes: a row must not fill the memory.
const LONGEST: usize = 16 << 20;

/// A function that makes a text of a length.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Pad {
    kind: Kind,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Left,
    Right,
    Repeat,
    Space,
}

// === impl Pad ===

impl Pad {
    pub(super) fn all() -> [Self; 4] {
        [Kind::Left, Kind::Right, Kind::Repeat, Kind::Space].map(|kind| Self {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for Pad {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Left => "lpad",
            Kind::Right => "rpad",
            Kind::Repeat => "repeat",
            Kind::Space => "space",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (text, number) = (DataType::Utf8, DataType::Int32);
        match (self.kind, types) {
            (Kind::Space, [count]) if !count.is_nested() => Ok(vec![number]),
            (Kind::Repeat, [value, _]) if !value.is_nested() => Ok(vec![text, number]),
            (Kind::Left | Kind::Right, [value, _]) if !value.is_nested() => Ok(vec![text, number]),
            (Kind::Left | Kind::Right, [value, _, pad])
                if !value.is_nested() && !pad.is_nested() =>
            {
                Ok(vec![text.clone(), number, text])
            }
            (Kind::Space, _) => plan_err!("space takes a number"),
            (Kind::Repeat, _) => plan_err!("repeat takes a text and a number"),
            _ => plan_err!("{} takes a text, a length and perhaps a text", self.name()),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = super::columns(&args)?;
        let texts: StringArray = match columns.as_slice() {
            [count] => numbers(count)
                .iter()
                .map(|count| count.map(|count| repeat(" ", count)).transpose())
                .collect::<Result<_>>()?,
            [value, count] if self.kind == Kind::Repeat => value
                .as_string::<i32>()
                .iter()
                .zip(numbers(count))
                .map(|(value, count)| value.zip(count).map(|(value, count)| repeat(value, count)))
                .map(Option::transpose)
                .collect::<Result<_>>()?,
            [value, length] => {
                let rows = value.as_string::<i32>().iter().zip(numbers(length));
                rows.map(|(value, length)| self.pad(value, length, Some(" ")))
                    .collect::<Result<_>>()?
            }
            [value, length, pad] => {
                let rows = value.as_string::<i32>().iter().zip(numbers(length));
                rows.zip(pad.as_string::<i32>())
                    .map(|((value, length), pad)| self.pad(value, length, pad))
                    .collect::<Result<_>>()?
            }
            _ => return exec_err!("{} takes other arguments", self.name()),
        };
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

impl Pad {
    /// `length` characters: the text's first ones, or the text with what is missing.
    fn pad(
        &self,
        value: Option<&str>,
        length: Option<i32>,
        pad: Option<&str>,
    ) -> Result<Option<String>> {
        let (Some(value), Some(length), Some(pad)) = (value, length, pad) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or_default();
        let missing = length.saturating_sub(value.chars().count());
        if missing == 0 || pad.is_empty() {
            return Ok(Some(value.chars().take(length).collect()));
        }
        check(value.len().saturating_add(missing))?;
        let fill = pad.chars().cycle().take(missing);
        Ok(Some(match self.kind {
            Kind::Left => fill.chain(value.chars()).collect(),
            _ => value.chars().chain(fill).collect(),
        }))
    }
}

fn numbers(column: &ArrayRef) -> &Int32Array {
    column.as_primitive()
}

fn repeat(text: &str, count: i32) -> Result<String> {
    let count = usize::try_from(count).unwrap_or_default();
    check(text.len().saturating_mul(count))?;
    Ok(text.repeat(count))
}

fn check(length: usize) -> Result<()> {
    match length > LONGEST {
        true => exec_err!("a text of {length} bytes: at most {LONGEST} are made for a row"),
        false => Ok(()),
    }
}
