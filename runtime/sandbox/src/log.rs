//! Lines that plugins log: cut, escaped, and not too many.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    limits::Limits,
    tick::{TICK, Ticks},
};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth knowing, nothing to do.
    Info,
    /// Somebody should look.
    Warn,
    /// Something failed.
    Error,
}

/// Where the lines of a plugin go. Called on the lane's thread while the guest
/// waits: it must not block.
pub trait Logger: Send + Sync {
    /// One line, without control characters.
    fn log(&self, level: Level, line: &str);
}

/// Drops all lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Logger for Silent {
    fn log(&self, _: Level, _: &str) {}
}

/// The lines of a node's instances, one after the other: a plugin that traps on
/// every row must not log more because it is opened anew each time.
#[derive(Clone)]
pub(crate) struct Lines {
    logger: Arc<dyn Logger>,
    budget: Arc<Mutex<Budget>>,
    /// Values that no text of the guest may show.
    secrets: Arc<[String]>,
}

/// Shorter values are words like any other: hiding them would only shred the text.
const SHORTEST_SECRET: usize = 4;

/// How many lines may still be written in this second.
#[derive(Debug)]
struct Budget {
    left: u32,
    second: u64,
    dropped: u64,
}

// === impl Lines ===

impl Lines {
    pub(crate) fn new(logger: Arc<dyn Logger>, limits: &Limits) -> Self {
        let budget = Budget {
            left: limits.log_rate,
            second: 0,
            dropped: 0,
        };
        Self {
            logger,
            budget: Arc::new(Mutex::new(budget)),
            secrets: Arc::default(),
        }
    }

    /// The same, but these values are replaced by `***`.
    pub(crate) fn hiding<'a>(self, secrets: impl Iterator<Item = &'a str>) -> Self {
        let secrets = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        Self {
            secrets: secrets.map(str::to_owned).collect(),
            ..self
        }
    }

    /// A text of the guest, for logs and errors: without secrets, cut and escaped.
    pub(crate) fn clean(&self, text: &str, limit: usize) -> String {
        if !self.secrets.iter().any(|secret| text.contains(secret)) {
            return clean(text, limit);
        }
        let hidden = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        clean(&hidden, limit)
    }

    /// Hands a line on, or counts it.
    pub(crate) fn log(&self, ticks: &Ticks, limits: &Limits, level: Level, message: &str) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let second = ticks.now() / (1_000 / TICK.as_millis() as u64);
        if second != budget.second {
            budget.second = second;
            budget.left = limits.log_rate;
        }
        let Some(left) = budget.left.checked_sub(1) else {
            budget.dropped += 1;
            return;
        };
        budget.left = left;
        let logger = &self.logger;
        if budget.dropped > 0 {
            let dropped = std::mem::take(&mut budget.dropped);
            logger.log(
                Level::Warn,
                &format!(
                    "{dropped} lines were dropped: at most {} a second",
                    limits.log_rate
                ),
            );
        }
        logger.log(level, &self.clean(message, limits.log_line));
    }
}

/// A text of a guest, for logs and errors: cut and escaped.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    escaped(cut(text, limit))
}

/// At most `limit` bytes of a text, whole characters.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// A text that cannot move the cursor or start another line.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, character| {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_before_a_text_is_cut() {
        let lines = Lines::new(Arc::new(Silent), &Limits::default());
        let lines = lines.hiding(["s3cret-token", "on"].into_iter());
        assert_eq!(lines.clean("Bearer s3cret-token on", 100), "Bearer *** on");
        assert_eq!(lines.clean("s3cret-token", 5), "***");
    }

    #[test]
    fn lines_are_cut_at_characters_and_escaped() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 30), "añb");
        assert_eq!(escaped("a\u{1b}[2J\nñ\u{202e}"), "a\\u{1b}[2J\\nñ\\u{202e}");
    }
}
