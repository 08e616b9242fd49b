//! Floats and decimals as Python writes them.

use std::fmt::Write as _;

use crate::format::shortest::ShortestFloat;

/// Appends `repr` of a float: an exponent below 1e-4 and from 1e16 on.
pub(super) fn float(value: f64, out: &mut String) {
    let Some(shortest) = value.shortest() else {
        return out.push_str(match value {
            f64::INFINITY => "inf",
            f64::NEG_INFINITY => "-inf",
            _ => "nan",
        });
    };
    let exponent = shortest.exponent();
    if value == 0.0 || (-4..16).contains(&exponent) {
        return out.push_str(&shortest.plain());
    }
    let (sign, first, others) = shortest.scientific();
    let point = if others.is_empty() { "" } else { "." };
    let mark = if exponent < 0 { '-' } else { '+' };
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{sign}{first}{point}{others}e{mark}{:02}",
        exponent.unsigned_abs()
    );
}

/// `str` of a decimal: its scale is kept, and with more than six zeros after
/// the point it takes an exponent.
pub(super) fn decimal(value: i128, scale: i8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let scale = i64::from(scale);
    let point = digits.len() as i64 - scale;
    if scale >= 0 && point > -6 {
        let Ok(point @ 1..) = usize::try_from(point) else {
            let zeros = "0".repeat(point.unsigned_abs() as usize);
            return format!("{sign}0.{zeros}{digits}");
        };
        return match digits.split_at_checked(point) {
            Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
            _ => format!("{sign}{digits}"),
        };
    }
    let (first, others) = digits.split_at_checked(1).unwrap_or(("0", ""));
    let dot = if others.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{others}E{:+}", point - 1)
}
