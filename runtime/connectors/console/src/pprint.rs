//! What DStream's `pprint` prints of a batch.

use azud_model::{Error, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::shown::Shown;

/// The time, at most `limit` rows, dots if there are more, and an empty line.
pub(crate) fn pprint(time_ms: i64, shown: &Shown, limit: usize) -> Result<String> {
    let rule = "-".repeat(43);
    let mut out = format!(
        "{rule}\nTime: {}\n{rule}\n",
        local_time(time_ms, TimeZone::system())?
    );
    for row in shown.rows.iter().take(limit).flatten() {
        out.push_str(row);
        out.push('\n');
    }
    if shown.count > limit as u64 {
        out.push_str("...\n");
    }
    out.push('\n');
    Ok(out)
}

/// `str` of Python's `datetime`: microseconds only where not zero.
fn local_time(time_ms: i64, zone: TimeZone) -> Result<String> {
    let time = Timestamp::from_millisecond(time_ms)
        .map_err(|error| Error::internal("the epoch's time").because(error))?
        .to_zoned(zone);
    let format = match time_ms.rem_euclid(1000) {
        0 => "%Y-%m-%d %H:%M:%S",
        _ => "%Y-%m-%d %H:%M:%S.%6f",
    };
    Ok(time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_show_only_where_there_are_any() {
        let time = |ms| local_time(ms, TimeZone::UTC).unwrap();
        assert_eq!(time(1_795_246_981_000), "2026-11-21 07:43:01");
        assert_eq!(time(1_795_246_981_250), "2026-11-21 07:43:01.250000");
    }

    #[test]
    fn the_zone_counts() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(local_time(0, zone).unwrap(), "1970-01-01 02:00:00");
    }
}
