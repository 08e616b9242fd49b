//! Appending numbers, within their column's range or not at all.

use super::{Builder, Values, micros_from_number, micros_from_whole};

fn push<T, F>(values: &mut Vec<T>, value: F) -> bool
where
    T: TryFrom<F>,
{
    T::try_from(value).map(|value| values.push(value)).is_ok()
}

impl Builder {
    /// Appends a whole number; false if the column cannot hold it.
    #[inline]
    pub(crate) fn append_whole(&mut self, value: i64) -> bool {
        let fits = match &mut self.values {
            Values::TinyInt(values) => push(values, value),
            Values::SmallInt(values) => push(values, value),
            Values::Int(values) => push(values, value),
            Values::BigInt(values) => push(values, value),
            // A float takes the nearest value that it has, as it does everywhere.
            Values::Float(values) => push_float(values, value as f64),
            Values::Double(values) => {
                values.push(value as f64);
                true
            }
            Values::Timestamp(values, unit) => {
                micros_from_whole(value, *unit).is_some_and(|micros| push(values, micros))
            }
            _ => false,
        };
        self.mark(fits)
    }

    /// Appends a number with a fraction or an exponent, or one beyond 64 bits;
    /// false if the column cannot hold it.
    #[inline]
    pub(crate) fn append_float(&mut self, value: f64) -> bool {
        let fits = match &mut self.values {
            Values::Float(values) => push_float(values, value),
            Values::Double(values) => {
                values.push(value);
                true
            }
            Values::Timestamp(values, unit) => {
                micros_from_number(value, *unit).is_some_and(|micros| push(values, micros))
            }
            // The one whole number that serde_json hands over as a float: `-0`.
            _ if value == 0.0 && value.is_sign_negative() => return self.append_whole(0),
            _ => false,
        };
        self.mark(fits)
    }

    /// Appends a truth value; false if the column holds something else.
    pub(crate) fn append_bool(&mut self, value: bool) -> bool {
        let fits = match &mut self.values {
            Values::Boolean(values) => {
                values.append(value);
                true
            }
            _ => false,
        };
        self.mark(fits)
    }

    /// Counts the value that was just appended, if it was.
    #[inline]
    pub(crate) fn mark(&mut self, appended: bool) -> bool {
        if appended {
            self.valid.append_non_null();
        }
        appended
    }
}

/// 1e300 is no `float`; infinity and NaN are.
fn push_float(values: &mut Vec<f32>, value: f64) -> bool {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return false;
    }
    values.push(narrow);
    true
}
