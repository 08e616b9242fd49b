//! Decimals, digit by digit: Arrow's own parser cuts what a scale has no room
//! for, and does not notice more than 255 digits.

/// Reads `[+-]digits[.digits][e[+-]digits]` as a whole number of units of
/// `10^-scale`, half a unit rounded away from zero as Spark does; `None` if it
/// is no number or has more digits than `precision`.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (digits, exponent) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (digits.get(..at)?, exponent(digits.get(at + 1..)?)?),
        None => (digits, 0),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(at) => (digits.get(..at)?, digits.get(at + 1..)?),
        None => (digits, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }

    // How many of the digits belong to the result; the one after them rounds it.
    let wanted = whole.len() as i64 + exponent + i64::from(scale);
    let largest = 10_i128.checked_pow(u32::from(precision))?.checked_sub(1)?;
    let mut value = 0_i128;
    let mut place = 0_i64;
    for byte in whole.iter().chain(fraction) {
        let digit = i128::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        if place < wanted {
            value = value.checked_mul(10)?.checked_add(digit)?;
        } else if place == wanted && digit >= 5 {
            value += 1;
        }
        if value > largest {
            return None;
        }
        place += 1;
    }
    while place < wanted && value != 0 {
        value = value.checked_mul(10)?;
        if value > largest {
            return None;
        }
        place += 1;
    }
    Some(if negative { -value } else { value })
}

/// An exponent too long for 32 bits is no number that anybody means.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse::<i32>().ok().map(i64::from)
}
