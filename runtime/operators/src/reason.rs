//! What an evaluation that failed says to a person.

use arrow::error::ArrowError;
use azud_model::Error;
use datafusion_common::DataFusionError;

/// Why a row cannot be computed; `None` if the failure is no row's fault.
pub(crate) fn reason(error: &DataFusionError) -> Option<String> {
    let text = match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => "division by zero".to_owned(),
            ArrowError::ArithmeticOverflow(text) => overflow(text),
            ArrowError::CastError(text)
            | ArrowError::ParseError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::InvalidArgumentError(text) => tidy(text),
            ArrowError::ExternalError(error) => tidy(&error.to_string()),
            _ => return None,
        },
        DataFusionError::Execution(text) => tidy(text),
        DataFusionError::External(error) => tidy(&error.to_string()),
        _ => return None,
    };
    Some(text)
}

/// A failure that is our own mistake.
pub(crate) fn internal(what: &str, error: DataFusionError) -> Error {
    Error::internal(format!("{what} could not be computed")).because(error)
}

/// `Overflow happened on: 1 + 2` as `overflow: 1 + 2`.
fn overflow(text: &str) -> String {
    match text.split_once(": ") {
        Some((_, operation)) => format!("overflow: {operation}"),
        None => tidy(text),
    }
}

/// One line without a full stop; lower case at the start unless it is a name.
fn tidy(text: &str) -> String {
    let line = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let line = line.strip_prefix("Execution error: ").unwrap_or(line);
    let mut letters = line.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}
