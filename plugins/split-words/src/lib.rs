//! Splits a text column into words: one output row a word. See `README.md`.

#[cfg(test)]
mod tests;
mod words;

use azud_plugin::{Batch, Builder, Error, Output, Result, Setup, Transform, Utf8};
use words::{Byte, Separator, Text, WhiteSpace};

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

/// The plugin, opened: what stands between words.
enum SplitWords {
    WhiteSpace(WhiteSpace),
    Byte(Byte),
    Text(Text),
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
        match config.separator.as_deref().map(str::as_bytes) {
            None => Ok(Self::WhiteSpace(WhiteSpace)),
            Some([]) => Err(Error::new(
                "`separator` is empty: leave it out to split at white space",
            )),
            Some([byte]) => Ok(Self::Byte(Byte(*byte))),
            Some(_) => Ok(Self::Text(Text(config.separator.unwrap_or_default()))),
        }
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        match self {
            Self::WhiteSpace(separator) => split(separator, batch, out),
            Self::Byte(separator) => split(separator, batch, out),
            Self::Text(separator) => split(separator, batch, out),
        }
    }
}

fn split(separator: &impl Separator, batch: &Batch, out: &mut Output) -> Result<()> {
    let lines = batch.column::<Utf8>(0)?;
    let data = lines.view().data();
    let ascii = words::is_ascii(data);
    // English has six bytes a word, its space included.
    out.reserve(data.len() / 5);
    let mut words = Builder::<Utf8>::with_capacity(data.len() / 5, data.len());
    for (row, line) in lines.iter().enumerate() {
        let Some(line) = line else { continue };
        separator.split(line, ascii, |word| {
            out.keep(row);
            words.push(word);
        });
    }
    out.set("word", words)
}
