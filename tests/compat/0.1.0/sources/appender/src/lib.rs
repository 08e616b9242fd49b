//! Appends rows to a file, as JSON lines; rejects those without a user.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    time::Duration,
};

use azud_plugin::{Batch, Flushed, Input, JsonLines, Outcome, Partial, Result, Sink, Utf8};

/// The step's `config:` in the manifest.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    path: String,
}

struct Appender {
    path: String,
    file: Option<File>,
    user: usize,
    json: JsonLines,
}

azud_plugin::sink!(Appender);

impl Sink for Appender {
    type Config = Config;

    fn open(config: Config, input: &Input) -> Result<Self> {
        Ok(Self {
            path: config.path,
            file: None,
            user: input.require::<Utf8>("user")?,
            json: JsonLines::new(input)?,
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let file = match &mut self.file {
            Some(file) => file,
            None => match OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)
            {
                Ok(file) => self.file.insert(file),
                Err(error) => {
                    let reason = format!("cannot open {}: {error}", self.path);
                    return Ok(Outcome::retry_after(Duration::from_secs(1), reason));
                }
            },
        };
        let mut partial = Partial::default();
        let mut text = Vec::new();
        let rows = self.json.rows(batch)?;
        for (row, user) in batch.column::<Utf8>(self.user)?.iter().enumerate() {
            match user {
                Some(_) => rows.line(row, &mut text),
                None => partial.reject(row, "no user"),
            }
        }
        file.write_all(&text)?;
        Ok(partial.into())
    }

    fn flush(&mut self) -> Result<Flushed> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        Ok(Flushed::Done)
    }
}
