//! What an evaluation that failed says to a person.

use arrow::error::ArrowError;
use azud_model::Error;
use datafusion_common::DataFusionError;

/// Why a row cannot be computed.
pub(crate) fn reason(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => "division by zero".to_owned(),
            ArrowError::ArithmeticOverflow(text) => overflow(text),
            ArrowError::CastError(text)
            | ArrowError::ParseError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::InvalidArgumentError(text) => tidy(text),
            ArrowError::ExternalError(error) => tidy(&error.to_string()),
            other => tidy(&other.to_string()),
        },
        DataFusionError::Execution(text) => tidy(text),
        DataFusionError::External(error) => tidy(&error.to_string()),
        // A function that finds its argument's value wrong calls that what it likes.
        DataFusionError::Internal(text)
        | DataFusionError::Plan(text)
        | DataFusionError::NotImplemented(text)
        | DataFusionError::Configuration(text) => tidy(text),
        other => tidy(&other.to_string()),
    }
}

/// A failure that is our own mistake, unless it is that of a user's code.
pub(crate) fn internal(what: &str, error: DataFusionError) -> Error {
    let error = match error {
        DataFusionError::External(own) => match own.downcast::<Error>() {
            Ok(own) => return *own,
            Err(other) => DataFusionError::External(other),
        },
        other => other,
    };
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
