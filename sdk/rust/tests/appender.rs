//! Appends rows to a file, as JSON lines.

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
            // No I/O here: `azud check` calls this too.
            file: None,
            // The place of a column of texts, which the input must have.
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
        // Without any row in it, all were taken.
        Ok(partial.into())
    }

    fn flush(&mut self) -> Result<Flushed> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        Ok(Flushed::Done)
    }
}

#[test]
fn appends_the_rows_of_users() {
    use azud_plugin::{
        Int64,
        testing::{Table, open_sink},
    };

    let rows = Table::new()
        .column("user", Utf8, [Some("ana"), None])
        .column("amount", Int64, [51, 7]);
    let path = std::env::temp_dir().join(format!("appender-{}.json", std::process::id()));
    let config = format!(r#"{{ "path": {path:?} }}"#);
    let mut sink = open_sink::<Appender>(&config, &rows).unwrap();

    let mut rejected = Partial::default();
    rejected.reject(1, "no user");
    assert_eq!(sink.write(&rows).unwrap(), rejected.into());
    assert_eq!(sink.write(&rows.pick(&[0])).unwrap(), Outcome::Accepted);
    assert_eq!(sink.flush().unwrap(), Flushed::Done);

    let line = r#"{"user":"ana","amount":51}"#;
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("{line}\n{line}\n"));
    std::fs::remove_file(path).unwrap();
}
