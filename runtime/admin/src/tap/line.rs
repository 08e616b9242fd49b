//! A line of a tap.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What `GET /nodes/{node}/tap` answers with, a line of JSON each: an object with one key.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TapLine {
    /// A row: an object with its columns, as it was written.
    Row(Box<RawValue>),
    /// A row that is too long to be shown.
    TooLong(TooLong),
    /// Once a second.
    Count(TapCount),
    /// The last one.
    Ended(TapEnded),
}

/// A row that is too long to be shown.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct TooLong {
    /// What it takes.
    pub bytes: usize,
}

/// Rows since the tap was opened.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct TapCount {
    /// Those that were shown, or were too long for it.
    pub shown: u64,
    /// All that have passed.
    pub passed: u64,
}

/// A tap has ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct TapEnded {
    /// Why.
    pub why: String,
    /// How many rows there were: its fields stand beside `why`.
    #[serde(flatten)]
    pub count: TapCount,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_they_are_written() {
        for text in [
            r#"{"row":{"n":12345678901234567890.12300,"word":"a"}}"#,
            r#"{"too_long":{"bytes":70000}}"#,
            r#"{"count":{"shown":12,"passed":34000}}"#,
            r#"{"ended":{"why":"the pipeline has ended","shown":12,"passed":34000}}"#,
        ] {
            let line: TapLine = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
        }
    }
}
