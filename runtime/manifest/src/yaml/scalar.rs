//! What a scalar without quotes is: YAML 1.2's core schema, where only `true` and `false` are
//! booleans and `no`, `on`, `y` are strings.

use saphyr::Scalar;
use serde_json::Number;

use super::Kind;

/// The value of a plain scalar.
pub(crate) fn plain(text: &str) -> Kind {
    // The empty scalar is YAML's null.
    if text.is_empty() {
        return Kind::Null;
    }
    match Scalar::parse_from_cow(text.into()) {
        Scalar::Null => Kind::Null,
        Scalar::Boolean(value) => Kind::Bool(value),
        Scalar::Integer(value) => Kind::Number(value.into()),
        // Infinities and NaN have no place in JSON, which the options of connectors become.
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
            .map_or_else(|| Kind::String(text.to_owned()), Kind::Number),
        Scalar::String(value) => Kind::String(value.into_owned()),
    }
}
