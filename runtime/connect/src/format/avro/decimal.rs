//! Decimals: the digits of a number, as a whole one of any size in big-endian two's complement.

/// Reads one of at most so many digits; or why that cannot be.
pub(super) fn read(bytes: &[u8], precision: u64) -> Result<i128, String> {
    const WIDE: usize = size_of::<i128>();
    let sign = match bytes.first() {
        Some(first) if first & 0x80 != 0 => 0xff,
        _ => 0x00,
    };
    let mut wide = [sign; WIDE];
    let (extra, rest) = bytes.split_at(bytes.len().saturating_sub(WIDE));
    for (to, from) in wide.iter_mut().rev().zip(rest.iter().rev()) {
        *to = *from;
    }
    let value = i128::from_be_bytes(wide);
    let keeps_sign = (value < 0) == (sign != 0);
    let fits = keeps_sign && extra.iter().all(|byte| *byte == sign);
    let most = u32::try_from(precision).ok();
    let most = most.and_then(|digits| 10u128.checked_pow(digits));
    let fits = fits && most.is_none_or(|most| value.unsigned_abs() < most);
    match fits {
        true => Ok(value),
        false => Err(format!("a decimal has more than {precision} digits")),
    }
}

/// The fewest bytes that hold it.
pub(super) fn shortest(bytes: &[u8; 16]) -> &[u8] {
    let mut rest: &[u8] = bytes;
    while let [first, after @ ..] = rest
        && let [second, ..] = after
        && ((*first == 0x00 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0))
    {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_whatever_their_length() {
        for (bytes, precision, value) in [
            (&[][..], 4, Some(0)),
            (&[0x00], 4, Some(0)),
            (&[0x7f], 4, Some(127)),
            (&[0x80], 4, Some(-128)),
            (&[0xff, 0xff, 0x80], 4, Some(-128)),
            (&[0x27, 0x0f], 4, Some(9999)),
            (&[0x27, 0x10], 4, None),
            (&[0xd8, 0xf1], 4, Some(-9999)),
            (&[0xff; 40], 1, Some(-1)),
            (&[0x00; 40], 1, Some(0)),
            (
                &[0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                38,
                None,
            ),
            (
                &[0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                38,
                None,
            ),
            (
                &[0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                38,
                None,
            ),
        ] {
            assert_eq!(read(bytes, precision).ok(), value, "{bytes:?}");
        }
    }

    #[test]
    fn they_are_written_in_as_few_bytes_as_hold_them() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (127, &[0x7f]),
            (128, &[0x00, 0x80]),
            (-1, &[0xff]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            (i128::MIN, &i128::MIN.to_be_bytes()),
        ] {
            assert_eq!(shortest(&i128::to_be_bytes(value)), bytes, "{value}");
        }
    }
}
