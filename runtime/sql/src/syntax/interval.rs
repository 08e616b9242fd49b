//! Lengths of time as Spark writes them: `10 seconds`, `1 hour 30 minutes`.

/// A length in microseconds.
///
/// The units are those of Spark's `CalendarInterval` that always last the same.
pub(crate) fn micros(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("`{text}` is no length of time: write a number and a unit: '10 seconds'");
    let lower = text.to_lowercase().replace('\'', "");
    let words: Vec<&str> = lower.split_whitespace().collect();
    let words = match words.as_slice() {
        ["interval", rest @ ..] => rest,
        all => all,
    };
    let pairs = words.chunks_exact(2);
    if words.is_empty() || !pairs.remainder().is_empty() {
        return Err(wrong());
    }
    let mut total = 0_i64;
    for pair in pairs {
        let [number, unit] = pair else {
            return Err(wrong());
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let length =
            number.checked_mul(unit_micros(unit).map_err(|why| why.unwrap_or_else(wrong))?);
        let sum = length.and_then(|length| total.checked_add(length));
        total = sum.ok_or_else(|| format!("`{text}` is longer than time is counted"))?;
    }
    Ok(total)
}

/// A unit's length; `Err(None)` if there is none of that name.
fn unit_micros(unit: &str) -> Result<i64, Option<String>> {
    const SECOND: i64 = 1_000_000;
    Ok(match unit.strip_suffix('s').unwrap_or(unit) {
        "microsecond" => 1,
        "millisecond" => 1_000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3_600 * SECOND,
        "day" => 86_400 * SECOND,
        "week" => 7 * 86_400 * SECOND,
        "month" | "year" => {
            return Err(Some(
                "Intervals greater than a month is not supported: months differ in length"
                    .to_owned(),
            ));
        }
        _ => return Err(None),
    })
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn lengths_are_sums_of_numbers_with_units() {
        for (text, expected) in [
            ("10 seconds", Ok(10_000_000)),
            ("1 second", Ok(1_000_000)),
            ("INTERVAL '5' MINUTES", Ok(300_000_000)),
            ("interval 1 hour 30 minutes", Ok(5_400_000_000)),
            ("1 week", Ok(604_800_000_000)),
            ("250 milliseconds", Ok(250_000)),
            ("-1 second", Ok(-1_000_000)),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
        for text in [
            "",
            "10",
            "seconds",
            "10s",
            "1.5 seconds",
            "1 month",
            "9223372036854775807 days",
        ] {
            assert!(micros(text).is_err(), "{text}");
        }
    }
}
