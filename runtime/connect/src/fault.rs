//! Named places at which a test can kill the process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// `AZUD_KILL_AT=after-record:3` kills the process the third time it comes there.
const VARIABLE: &str = "AZUD_KILL_AT";

struct Kill {
    point: String,
    left: AtomicU64,
}

/// A place at which a crash may come at the worst moment: kills the process if the
/// environment asks for it, as `kill -9` would, and does nothing else.
pub fn fault_point(name: &str) {
    static KILL: OnceLock<Option<Kill>> = OnceLock::new();
    let kill = KILL.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?));
    if let Some(kill) = kill
        && kill.point == name
        && kill.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<Kill> {
    let (point, times) = text.split_once(':').unwrap_or((text, "1"));
    Some(Kill {
        point: point.to_owned(),
        left: AtomicU64::new(times.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_and_how_often_it_is_passed() {
        let kill = parse("after-record:3").unwrap();
        assert_eq!(
            (kill.point.as_str(), kill.left.into_inner()),
            ("after-record", 3)
        );
        assert_eq!(parse("x").unwrap().left.into_inner(), 1);
        assert!(parse("x:often").is_none());
    }
}
