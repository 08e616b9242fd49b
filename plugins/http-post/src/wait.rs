//! How long to wait before a request is sent again.

use std::time::Duration;

/// What a server may ask for at most.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_millis(100);

/// 100 ms after the first attempt, then twice as long each time, up to 30 s.
pub(crate) fn backoff(attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts);
    SHORTEST.saturating_mul(factor).min(LONGEST)
}

/// What `Retry-After` asks for: seconds, or a date, which is compared with the
/// server's own (`Date`), so that nobody's clock has to be right.
pub(crate) fn asked(retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let retry_after = retry_after?.trim();
    let asked = match retry_after.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let then = httpdate::parse_http_date(retry_after).ok()?;
            let now = httpdate::parse_http_date(date?.trim()).ok()?;
            then.duration_since(now).unwrap_or_default()
        }
    };
    Some(asked.clamp(SHORTEST, LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_end() {
        let waits: Vec<_> = (0..10).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(
            waits,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000
            ]
        );
        assert_eq!(backoff(u32::MAX), LONGEST);
    }

    #[test]
    fn the_server_may_ask_in_two_ways() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let asked = |value| asked(Some(value), date).map(|wait| wait.as_millis());
        assert_eq!(asked("7"), Some(7_000));
        assert_eq!(asked("0"), Some(100));
        assert_eq!(asked("99999999"), Some(3_600_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:40 GMT"), Some(3_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:30 GMT"), Some(100));
        assert_eq!(asked("soon"), None);
        assert_eq!(super::asked(None, date), None);
        assert_eq!(
            super::asked(Some("Sun, 06 Nov 1994 08:49:40 GMT"), None),
            None
        );
    }
}
