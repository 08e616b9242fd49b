//! Appending from text: CSV's fields, map keys, and JSON's strings where the
//! column is not itself text.

use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::Date32Type;

use super::{Builder, Values, micros_from_text, parse_decimal};

impl Builder {
    /// Appends a JSON string: text, base64 for binary, ISO 8601 for dates and
    /// times, and for floats the three values that JSON has no number for.
    /// False if the column cannot hold it.
    #[inline]
    pub(crate) fn append_string(&mut self, value: &str) -> bool {
        let fits = match &mut self.values {
            Values::Text(values) => values.append(value.as_bytes()),
            Values::Binary(values) => {
                use base64::Engine as _;
                let decoded = base64::engine::general_purpose::STANDARD.decode(value);
                decoded.is_ok_and(|bytes| values.append(&bytes))
            }
            Values::Date(values) => extend(values, Date32Type::parse(value)),
            Values::Timestamp(values, _) => extend(values, micros_from_text(value)),
            Values::Float(values) => extend(values, not_a_number(value).map(|value| value as f32)),
            Values::Double(values) => extend(values, not_a_number(value)),
            _ => false,
        };
        self.mark(fits)
    }

    /// Appends a value that is all text, as in CSV; false if it cannot be read
    /// as the column's type, or the type cannot be written as plain text.
    pub(crate) fn append_plain(&mut self, value: &str) -> bool {
        let fits = match &mut self.values {
            Values::Boolean(values) => {
                let truth = truth(value);
                if let Some(truth) = truth {
                    values.append(truth);
                }
                truth.is_some()
            }
            Values::TinyInt(values) => extend(values, value.parse().ok()),
            Values::SmallInt(values) => extend(values, value.parse().ok()),
            Values::Int(values) => extend(values, value.parse().ok()),
            Values::BigInt(values) => extend(values, value.parse().ok()),
            Values::Float(_) | Values::Double(_) => {
                return value.parse().is_ok_and(|value| self.append_float(value));
            }
            Values::Decimal(values, precision, scale) => {
                extend(values, parse_decimal(value, *precision, *scale))
            }
            Values::Timestamp(_, _) => {
                return match value.parse() {
                    Ok(number) => self.append_whole(number),
                    Err(_) => self.append_string(value),
                };
            }
            _ => return self.append_string(value),
        };
        self.mark(fits)
    }

    /// Appends the digits of a JSON number to a decimal column.
    pub(crate) fn append_digits(&mut self, digits: &str) -> bool {
        let fits = match &mut self.values {
            Values::Decimal(values, precision, scale) => {
                extend(values, parse_decimal(digits, *precision, *scale))
            }
            _ => false,
        };
        self.mark(fits)
    }
}

fn extend<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let fits = value.is_some();
    values.extend(value);
    fits
}

fn truth(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    value.eq_ignore_ascii_case("false").then_some(false)
}

/// As Spark writes them, and our own encoder.
fn not_a_number(value: &str) -> Option<f64> {
    match value {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
