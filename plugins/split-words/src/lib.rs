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
        Self {
            column: "value".into(),
            separator: None,
            keep: Vec::new(),
        }
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
            Some(text) => Separator::new(&text).ok_or_else(|| {
                Error::new("`separator` is empty: leave it out to split at white space")
            })?,
        };
        Ok(Self { separator })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let lines = batch.column::<Utf8>(0)?;
        let data = lines.view().data();
        let ascii = words::is_ascii(data);
        // English has six bytes a word, its space included.
        out.reserve(data.len() / 5);
        let mut words = Builder::<Utf8>::with_capacity(data.len() / 5, data.len());
        for (row, line) in lines.iter().enumerate() {
            let Some(line) = line else { continue };
            self.separator.split(line, ascii, |word| {
                out.keep(row);
                words.push(word);
            });
        }
        out.set("word", words)
    }
}
