//! Splits a text column into words: one output row a word.

#[cfg(test)]
mod tests;

use azud_plugin::{Batch, Output, Result, Setup, Transform, Utf8};

/// The step's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The column to split.
    column: String,
    /// What stands between words; white space where it is not given.
    separator: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { column: "value".into(), separator: None }
    }
}

/// The plugin, opened.
struct SplitWords {
    separator: Option<String>,
}

azud_plugin::transform!(SplitWords);

// === impl SplitWords ===

impl Transform for SplitWords {
    type Config = Config;

    fn open(config: Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>(&config.column)?;
        setup.compute("word", Utf8).not_null();
        Ok(Self { separator: config.separator })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let lines = batch.column::<Utf8>(0)?;
        let mut words = azud_plugin::Builder::<Utf8>::with_capacity(lines.len() * 12, lines.view().data().len());
        for (row, line) in lines.iter().enumerate() {
            let Some(line) = line else { continue };
            for word in line.split_ascii_whitespace() {
                out.keep(row);
                words.push(word);
            }
        }
        out.set("word", words)
    }
}
