//! Decimals as JSON numbers.

use std::io::Write as _;

/// Appends a decimal: its digits, of which `scale` lie after the point.
pub(super) fn write(digits: i128, scale: i8, out: &mut Vec<u8>) {
    if digits < 0 {
        out.push(b'-');
    }
    let start = out.len();
    // Writing to memory cannot fail.
    let _ = write!(out, "{}", digits.unsigned_abs());
    if scale <= 0 {
        if digits != 0 {
            out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs().into()));
        }
        return;
    }
    let after = usize::from(scale.unsigned_abs());
    let count = out.len() - start;
    if count <= after {
        let zeros = std::iter::repeat_n(b'0', after + 1 - count);
        out.splice(start..start, zeros);
    }
    out.insert(out.len() - after, b'.');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_is_where_the_scale_says() {
        for (digits, scale, text) in [
            (150, 2, "1.50"),
            (-150, 2, "-1.50"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 3, "-0.005"),
            (12, 2, "0.12"),
            (42, 0, "42"),
            (-42, -2, "-4200"),
            (0, -2, "0"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        ] {
            let mut out = Vec::new();
            write(digits, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
