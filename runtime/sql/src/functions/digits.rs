//! Doubles as the decimal numbers that they show, rounded half up.
//!
//! 1.005 is a little less in binary; Java and Spark round what is written.

/// A decimal number: `value * 10^exponent`, of 17 digits at most.
struct Shown {
    value: i128,
    exponent: i32,
}

/// The shortest digits that mean this double; `None` of NaN and infinity.
fn shown(number: f64) -> Option<Shown> {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    Some(Shown {
        value: format!("{whole}{fraction}").parse().ok()?,
        exponent: exponent - i32::try_from(fraction.len()).ok()?,
    })
}

impl Shown {
    /// How often `10^-scale` the number is, half up; `None` if it is too large.
    fn units(&self, scale: i32) -> Option<i128> {
        let shift = self.exponent.saturating_add(scale);
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        if shift >= 0 {
            return match self.value {
                0 => Some(0),
                value => value.checked_mul(power?),
            };
        }
        // A power of more than 38 digits is far beyond twice the value.
        let Some(power) = power else { return Some(0) };
        let (quotient, rest) = (self.value / power, self.value % power);
        let up = rest.unsigned_abs() * 2 >= power.unsigned_abs();
        Some(quotient + if up { self.value.signum() } else { 0 })
    }
}

/// The unscaled value of a double as `decimal(precision, scale)`, if it fits.
pub(super) fn decimal(number: f64, precision: u8, scale: i8) -> Option<i128> {
    let units = shown(number)?.units(i32::from(scale))?;
    let limit = 10_u128.checked_pow(u32::from(precision))?;
    (units.unsigned_abs() < limit).then_some(units)
}

/// The double with `scale` digits after the point; before it, if it is negative.
pub(super) fn round(number: f64, scale: i32) -> f64 {
    let Some(shown) = shown(number) else {
        return number;
    };
    // Java's decimals have no negative zero.
    let whole = number + 0.0;
    if shown.exponent.saturating_add(scale) >= 0 {
        return whole;
    }
    let units = shown.units(scale).unwrap_or_default();
    let exponent = -i64::from(scale);
    format!("{units}e{exponent}").parse().unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::{decimal, round};

    #[test]
    fn what_is_shown_is_rounded() {
        assert_eq!(decimal(1.005, 10, 2), Some(101));
        assert_eq!(decimal(-1.005, 10, 2), Some(-101));
        assert_eq!(decimal(1.004_999, 10, 2), Some(100));
        assert_eq!(decimal(0.0, 10, 2), Some(0));
        assert_eq!(decimal(1e-300, 10, 2), Some(0));
        assert_eq!(decimal(99_999_999.995, 10, 2), None);
        assert_eq!(decimal(1e300, 38, 0), None);
        assert_eq!(decimal(1e37, 38, 0), Some(10_i128.pow(37)));
        assert_eq!(decimal(f64::NAN, 10, 2), None);
    }

    #[test]
    fn doubles_are_rounded() {
        assert_eq!(round(1.005, 2), 1.01);
        assert_eq!(round(2.5, 0), 3.0);
        assert_eq!(round(-2.5, 0), -3.0);
        assert_eq!(round(125.0, -1), 130.0);
        assert_eq!(round(5e-324, 400), 5e-324);
        assert_eq!(round(f64::MAX, -400), 0.0);
        assert_eq!(round(1e300, -299), 1e300);
        assert_eq!(round(f64::INFINITY, 1), f64::INFINITY);
        assert!(round(f64::NAN, 1).is_nan());
        assert_eq!(round(1.0, i32::MAX), 1.0);
        assert_eq!(round(1.5, i32::MIN), 0.0);
        assert!(round(-0.0, 0).is_sign_positive());
        assert!(round(-0.4, 0).is_sign_positive());
    }
}
