//! Splits a text column into words: one output row a word. See `README.md`.

#[cfg(test)]
mod tests;
mod words;

use azud_plugin::{Batch, Builder, Error, Output, Result, Setup, Transform, Utf8};
use words::Separator;

/// The step's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The column to split.
    column: String,
    /// What stands between words; white space where it is not given.
    separator: Option<String>,
    /// Columns of the line that go with each of its words.
    keep: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { column: "value".into(), separator: None, keep: Vec::new() }
    }
}

/// The plugin, opened.
struct SplitWords {
    separator: Separator,
}

azud_plugin::transform!(SplitWords);

// === impl SplitWords ===

impl Transform for SplitWords {
    type Config = Config;

    fn open(config: Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>(&config.column)?;
        for column in &config.keep {
            setup.carry(column)?;
        }
        setup.compute("word", Utf8).not_null();
        let separator = match config.separator {
            None => Separator::WhiteSpace,
            Some(text) => Separator::new(&text).ok_or_else(|| Error::new("`separator` is empty: leave it out to split at white space"))?,
        };
        Ok(Self { separator })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let lines = batch.column::<Utf8>(0)?;
        let bytes = lines.view().data().len();
        // English has six bytes a word, its space included.
        let mut words = Builder::<Utf8>::with_capacity(bytes / 5, bytes);
        for (row, line) in lines.iter().enumerate() {
            let Some(line) = line else { continue };
            let before = words.len();
            self.separator.split(line, |word| words.push(word));
            out.keep_times(row, words.len() - before);
        }
        out.set("word", words)
    }
}
