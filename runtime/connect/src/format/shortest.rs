//! The shortest digits that read back as the same float: what Python and Java
//! print, each in its own layout.

use std::fmt::Write as _;

/// A finite float as `0.d1d2d3... * 10^point`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortest {
    /// Whether there is a minus sign; -0.0 has one.
    pub negative: bool,
    /// The digits, at least one, without zeros at the end.
    pub digits: String,
    /// How many of the digits lie before the decimal point: 1 for 2.5, 3 for 250, 0 for 0.25.
    pub point: i32,
}

/// A float type whose values have shortest digits.
pub trait ShortestFloat: std::fmt::LowerExp + Copy + Into<f64> {
    /// The digits and where the point lies; `None` for NaN and infinities.
    fn shortest(self) -> Option<Shortest> {
        let text = format!("{self:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        Some(Shortest {
            negative,
            digits: mantissa.replace('.', ""),
            point: exponent.parse::<i32>().ok()? + 1,
        })
    }

    /// Appends what Java's `Double.toString` makes, and so Spark: with an
    /// exponent below 1e-3 and from 1e7 on, `Infinity`, `NaN`.
    fn write_java(self, out: &mut String) {
        let Some(shortest) = self.shortest() else {
            return out.push_str(match self.into() {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            });
        };
        if (-3..7).contains(&shortest.exponent()) {
            return out.push_str(&shortest.plain());
        }
        let (sign, first, others) = shortest.scientific();
        let others = if others.is_empty() { "0" } else { others };
        // Writing to a string cannot fail.
        let _ = write!(out, "{sign}{first}.{others}E{}", shortest.exponent());
    }
}

impl ShortestFloat for f32 {}
impl ShortestFloat for f64 {}

// === impl Shortest ===

impl Shortest {
    /// Without an exponent, and with at least one digit after the point: `250.0`, `0.25`.
    pub fn plain(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let Ok(point) = usize::try_from(self.point) else {
            let zeros = "0".repeat(self.point.unsigned_abs() as usize);
            return format!("{sign}0.{zeros}{}", self.digits);
        };
        match self.digits.split_at_checked(point) {
            Some(("", fraction)) => format!("{sign}0.{fraction}"),
            Some((whole, "")) => format!("{sign}{whole}.0"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => {
                let zeros = "0".repeat(point - self.digits.len());
                format!("{sign}{}{zeros}.0", self.digits)
            }
        }
    }

    /// Sign, first digit, and the other digits: for a layout with an exponent.
    pub fn scientific(&self) -> (&'static str, &str, &str) {
        let sign = if self.negative { "-" } else { "" };
        let (first, others) = self.digits.split_at_checked(1).unwrap_or(("0", ""));
        (sign, first, others)
    }

    /// The exponent of a layout with one digit before the point.
    pub fn exponent(&self) -> i32 {
        self.point - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_layout() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (2.5, "2.5"),
            (250.0, "250.0"),
            (0.25, "0.25"),
            (0.0025, "0.0025"),
            (-12_345.678, "-12345.678"),
            (1e15, "1000000000000000.0"),
        ] {
            assert_eq!(value.shortest().unwrap().plain(), text);
        }
        assert_eq!(0.1_f32.shortest().unwrap().plain(), "0.1");
        assert_eq!(f64::NAN.shortest(), None);
    }

    fn java(value: impl ShortestFloat) -> String {
        let mut out = String::new();
        value.write_java(&mut out);
        out
    }

    #[test]
    fn java_layout() {
        for (value, text) in [
            (1.5, "1.5"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (-1.25e10, "-1.25E10"),
            (1e-5, "1.0E-5"),
            (0.001, "0.001"),
            (9_999_999.0, "9999999.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java(value), text);
        }
        assert_eq!([java(0.1_f32), java(1.5e-9_f32)], ["0.1", "1.5E-9"]);
        assert_eq!(java(f32::INFINITY), "Infinity");
    }
}
