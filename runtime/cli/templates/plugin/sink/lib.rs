//! Appends a line for each row to a file. Change it to what you need.

use std::{fs::OpenOptions, io::Write};

use azud_plugin::{Batch, Error, Flushed, Input, Int64, Outcome, Partial, Result, Sink, Utf8, log};

/// What the pipeline says under `config:`. A key that is not here is refused.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    file: String,
}

/// The plugin. What it keeps in its fields lives on from batch to batch.
struct Lines {
    file: String,
    /// Rows that were taken and are not in the file yet.
    taken: String,
}

// Makes a WebAssembly component of it; `cargo test` needs none.
azud_plugin::sink!(Lines);

impl Sink for Lines {
    type Config = Config;

    /// Runs once, before any row: says which columns the plugin needs. It opens
    /// no file and no connection yet, for `azud check` runs it as well.
    fn open(config: Config, input: &Input) -> Result<Self> {
        input.require::<Utf8>("user")?;
        input.require::<Int64>("amount")?;
        Ok(Self {
            file: config.file,
            taken: String::new(),
        })
    }

    /// Runs for each batch: up to some thousand rows. What cannot be taken now, and
    /// may be later, is `Outcome::retry_after`: the same rows come again.
    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let users = batch.column::<Utf8>("user")?;
        let amounts = batch.column::<Int64>("amount")?;
        let mut partial = Partial::default();
        for row in 0..batch.rows() {
            match (users.get(row), amounts.get(row)) {
                (Some(user), Some(amount)) => self.taken += &format!("{user} {amount}\n"),
                _ => partial.reject(row, "a value is null"),
            }
        }
        Ok(partial.into())
    }

    /// Runs at the end of an epoch: what was taken has to last from here on. After
    /// a crash in between, the same rows come once more.
    fn flush(&mut self) -> Result<Flushed> {
        append(&self.file, &self.taken)
            .map_err(|error| Error::new(format!("cannot write to {}: {error}", self.file)))?;
        log::info(format!("{} more lines", self.taken.lines().count()));
        self.taken.clear();
        Ok(Flushed::Done)
    }
}

fn append(file: &str, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, open_sink};

    use super::*;

    #[test]
    fn appends_a_line_a_row() {
        let input = Table::new()
            .column("user", Utf8, ["ana", "bo", "cy"])
            .column("amount", Int64, [Some(51), None, Some(7)]);
        let file = std::env::temp_dir().join(format!("lines-{}", std::process::id()));
        let config = format!(r#"{{ "file": {file:?} }}"#);
        let mut sink = open_sink::<Lines>(&config, &input).unwrap();

        let mut partial = Partial::default();
        partial.reject(1, "a value is null");
        assert_eq!(sink.write(&input).unwrap(), Outcome::Partial(partial));
        assert_eq!(sink.flush().unwrap(), Flushed::Done);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "ana 51\ncy 7\n");
        std::fs::remove_file(&file).unwrap();
    }
}
