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
    shared: Arc<Shared>,
    /// Values that no text of the guest may show, the longest first.
    secrets: Arc<[String]>,
}

/// Shorter values are words like any other: hiding them would only shred the text.
const SHORTEST_SECRET: usize = 4;

/// What all instances of a node have in common.
struct Shared {
    logger: Arc<dyn Logger>,
    rate: u32,
    budget: Mutex<Budget>,
}

/// How many lines may still be written in this second.
#[derive(Debug, Default)]
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
        let shared = Shared {
            logger,
            rate: limits.log_rate,
            budget: Mutex::new(budget),
        };
        Self {
            shared: Arc::new(shared),
            secrets: Arc::default(),
        }
    }

    /// The same, but these values are replaced by `***`.
    pub(crate) fn hiding<'a>(self, secrets: impl Iterator<Item = &'a str>) -> Self {
        // A key of several lines is printed in as many lines of the log.
        let secrets = secrets.flat_map(|secret| std::iter::once(secret).chain(secret.lines()));
        let secrets = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        // As it is, and as `{:?}` and JSON write it.
        let forms = |secret: &str| {
            let json = secret.chars().map(|c| match c {
                '"' | '\\' => format!("\\{c}"),
                '\n' => "\\n".into(),
                '\r' => "\\r".into(),
                '\t' => "\\t".into(),
                c => c.to_string(),
            });
            let debug = secret.escape_debug().to_string();
            [
                secret.to_owned(),
                debug,
                json.collect(),
                secret.escape_default().to_string(),
            ]
        };
        let mut secrets: Vec<String> = secrets.flat_map(forms).collect();
        // One may begin as another does: what follows would be left.
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        secrets.dedup();
        Self {
            secrets: secrets.into(),
            ..self
        }
    }

    /// Bytes of the longest secret: a line is not to be taken apart within one.
    pub(crate) fn longest_secret(&self) -> usize {
        self.secrets.first().map_or(0, String::len)
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
        let shared = &self.shared;
        let budget = shared.budget.lock();
        let mut budget = budget.unwrap_or_else(PoisonError::into_inner);
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
        shared.tell_dropped(&mut budget);
        let line = self.clean(message, limits.log_line);
        shared.logger.log(level, &line);
    }
}

// === impl Shared ===

impl Shared {
    fn tell_dropped(&self, budget: &mut Budget) {
        let (dropped, rate) = (std::mem::take(&mut budget.dropped), self.rate);
        if dropped > 0 {
            let line = format!("{dropped} lines were dropped: at most {rate} a second");
            self.logger.log(Level::Warn, &line);
        }
    }
}

/// A flood in the last second is told as well.
impl Drop for Shared {
    fn drop(&mut self) {
        let budget = self.budget.get_mut();
        let mut budget = std::mem::take(budget.unwrap_or_else(PoisonError::into_inner));
        self.tell_dropped(&mut budget);
    }
}

/// A text of a guest, for logs and errors: cut and escaped.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut clean = String::new();
    for character in cut(text, limit).chars() {
        // What is escaped grows: the limit is one of what is written.
        let before = clean.len();
        escape(character, &mut clean);
        if clean.len() > limit {
            clean.truncate(before);
            break;
        }
    }
    clean
}

/// At most `limit` bytes of a text, whole characters.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// A text that cannot move the cursor, start another line or turn around.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| escape(character, &mut line));
    line
}

/// Appends a character so that it cannot move the cursor, start another line or
/// turn what follows around.
fn escape(character: char, line: &mut String) {
    let hidden = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    if hidden || character.is_control() {
        let _ = write!(line, "{}", character.escape_default());
    } else {
        line.push(character);
    }
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
    fn secrets_are_hidden_as_debug_and_json_write_them() {
        let secret = "{\"key\":\"a\\b\tc\u{e9}\"}";
        let lines = Lines::new(Arc::new(Silent), &Limits::default());
        let lines = lines.hiding([secret].into_iter());
        assert_eq!(lines.clean(&format!("{:?}", [secret]), 100), "[\"***\"]");
        let json = r#"{"token":"{\"key\":\"a\\b\tcé\"}"}"#;
        assert_eq!(lines.clean(json, 100), r#"{"token":"***"}"#);
    }

    #[test]
    fn secrets_within_secrets_and_of_several_lines_are_hidden() {
        let lines = Lines::new(Arc::new(Silent), &Limits::default());
        let lines = lines.hiding(["abcd", "abcdefgh", "first line\nsecond line"].into_iter());
        assert_eq!(lines.clean("abcdefgh abcd", 100), "*** ***");
        assert_eq!(lines.clean("first line\nsecond line", 100), "***");
        assert_eq!(lines.clean("of it: second line", 100), "of it: ***");
    }

    #[test]
    fn lines_are_cut_at_characters_and_escaped() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 30), "añb");
        let hostile = "a\u{1b}[2J\nñ\u{202e}";
        assert_eq!(clean(hostile, 100), "a\\u{1b}[2J\\nñ\\u{202e}");
        assert_eq!(clean("\u{1b}\u{1b}\u{1b}", 15), "\\u{1b}\\u{1b}");
    }
}
