//! The fields of a record.
//!
//! Own code, because the framing has to find the same quotes, and because
//! whether a field was quoted decides if an empty one is null.

use std::borrow::Cow;

use memchr::memchr;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) quoted: bool,
}

/// Splits a record; an error says what is wrong with its quotes.
pub(super) struct FieldsOf<'a> {
    rest: Option<&'a str>,
    number: usize,
}

// === impl FieldsOf ===

impl<'a> FieldsOf<'a> {
    pub(super) fn new(record: &'a str) -> Self {
        Self {
            rest: Some(record),
            number: 0,
        }
    }

    /// After the opening quote: up to the closing one, `""` being a quote.
    fn quoted(&mut self, body: &'a str) -> Result<Field<'a>, String> {
        let mut text = Cow::Borrowed("");
        let mut rest = body;
        loop {
            let at = memchr(b'"', rest.as_bytes())
                .ok_or_else(|| format!("the quote of field {} is never closed", self.number))?;
            let (part, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text += part;
            let after = after.strip_prefix('"').unwrap_or(after);
            if let Some(doubled) = after.strip_prefix('"') {
                text += "\"";
                rest = doubled;
                continue;
            }
            self.rest = match after.strip_prefix(',') {
                Some(next) => Some(next),
                None if after.is_empty() => None,
                None => {
                    return Err(format!(
                        "text after the closing quote of field {}",
                        self.number
                    ));
                }
            };
            return Ok(Field { text, quoted: true });
        }
    }
}

impl<'a> Iterator for FieldsOf<'a> {
    type Item = Result<Field<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        self.number += 1;
        if let Some(body) = rest.strip_prefix('"') {
            return Some(self.quoted(body).inspect_err(|_| self.rest = None));
        }
        let (text, next) = match rest.split_once(',') {
            Some((text, next)) => (text, Some(next)),
            None => (rest, None),
        };
        self.rest = next;
        Some(Ok(Field {
            text: Cow::Borrowed(text),
            quoted: false,
        }))
    }
}
