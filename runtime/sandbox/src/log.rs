//! Lines that plugins log: without secrets, cut and escaped.

mod invisible;

use std::{fmt::Write as _, sync::Arc};

use crate::limits::Limits;

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
    /// Whether it takes one more line of that level now. Asked once before each
    /// line: one that is not taken is neither cleaned nor handed over, so that a
    /// guest that logs in a loop costs little. Counting those is up to the logger.
    fn takes(&self, level: Level) -> bool;

    /// One line that it takes, without control characters.
    fn log(&self, level: Level, line: &str);
}

/// Drops all lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Logger for Silent {
    fn takes(&self, _: Level) -> bool {
        false
    }

    fn log(&self, _: Level, _: &str) {}
}

/// The lines of an instance, and of those that are opened after it.
#[derive(Clone)]
pub(crate) struct Lines {
    logger: Arc<dyn Logger>,
    /// Bytes of a line.
    limit: usize,
    /// Values that no text of the guest may show, the longest first.
    secrets: Arc<[String]>,
}

/// Shorter values are words like any other: hiding them would only shred the text.
const SHORTEST_SECRET: usize = 4;

/// Behind a line that was cut.
const MORE: &str = "...";

// === impl Lines ===

impl Lines {
    pub(crate) fn new(logger: Arc<dyn Logger>, limits: &Limits) -> Self {
        Self {
            logger,
            limit: limits.log_line,
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

    /// Bytes of a printed line that are enough to write as much of it as may be, to
    /// see that there is more, and to know a secret at its end as a whole.
    pub(crate) fn longest(&self) -> usize {
        self.limit + 1 + self.secrets.first().map_or(0, String::len)
    }

    /// A text of the guest, for errors: without secrets, cut and escaped.
    pub(crate) fn clean(&self, text: &str, limit: usize) -> String {
        self.cut(text, limit).0
    }

    /// The same, and whether there was more of it.
    fn cut(&self, text: &str, limit: usize) -> (String, bool) {
        if !self.secrets.iter().any(|secret| text.contains(secret)) {
            return cut(text, limit);
        }
        let hidden = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        cut(&hidden, limit)
    }

    /// Hands a line on, if it is taken.
    pub(crate) fn log(&self, level: Level, message: &str) {
        if !self.logger.takes(level) {
            return;
        }
        let (mut line, is_cut) = self.cut(message, self.limit);
        if is_cut {
            line.push_str(MORE);
        }
        self.logger.log(level, &line);
    }
}

/// A text of a guest, for logs and errors: cut and escaped.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    cut(text, limit).0
}

/// At most `limit` bytes of a text, escaped, and whether there was more of it.
fn cut(text: &str, limit: usize) -> (String, bool) {
    let mut clean = String::new();
    for character in text.chars() {
        // What is escaped grows: the limit is one of what is written.
        let before = clean.len();
        escape(character, &mut clean);
        if clean.len() > limit {
            clean.truncate(before);
            return (clean, true);
        }
    }
    (clean, false)
}

/// A text that cannot move the cursor, start another line, turn around or hide anything.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| escape(character, &mut line));
    line
}

/// The same of a text of this program's own, which may have several lines and tabs.
pub fn escaped_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => lines.push(character),
            _ => escape(character, &mut lines),
        }
    }
    lines
}

/// Whether a character moves the cursor, starts another line, turns what follows around
/// or cannot be seen: no text of somebody else may bring it to a terminal or a log.
pub fn is_hidden(character: char) -> bool {
    invisible::is_hidden(character)
}

/// Appends a character; one that is hidden as `\u{202e}`.
fn escape(character: char, line: &mut String) {
    match is_hidden(character) {
        true => {
            let _ = write!(line, "{}", character.escape_default());
        }
        false => line.push(character),
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
        assert_eq!(cut("añb", 2), ("a".to_owned(), true));
        assert_eq!(cut("añb", 3), ("añ".to_owned(), true));
        assert_eq!(cut("añb", 4), ("añb".to_owned(), false));
        let unseen = "pass\u{200b}word \u{feff}\u{e0041}\u{1f469}\u{200d}\u{1f4bb}";
        let shown = "pass\\u{200b}word \\u{feff}\\u{e0041}\u{1f469}\\u{200d}\u{1f4bb}";
        assert_eq!(escaped(unseen), shown);
        assert_eq!(escaped_lines("a\n\tb\r\u{ad}"), "a\n\tb\\r\\u{ad}");
        let hostile = "a\u{1b}[2J\nñ\u{202e}";
        assert_eq!(clean(hostile, 100), "a\\u{1b}[2J\\nñ\\u{202e}");
        assert_eq!(clean("\u{1b}\u{1b}\u{1b}", 15), "\\u{1b}\\u{1b}");
    }
}
