//! Sends points to Graphite in its plaintext protocol: a line `name value seconds` a point.
//! <https://graphite.readthedocs.io/en/latest/feeding-carbon.html#the-plaintext-protocol>

use std::{
    io::{self, Write},
    net::TcpStream,
    time::Duration,
};

use azud_plugin::{
    Batch, Float64, Flushed, Input, Outcome, Partial, Result, Sink, Timestamp, Utf8,
};

/// How long to wait before a server that is away is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The step's `config:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `host:port`, which the manifest must grant.
    server: String,
}

/// The plugin, opened.
struct Graphite {
    server: String,
    connection: Option<TcpStream>,
    name: usize,
    value: usize,
    time: usize,
}

azud_plugin::sink!(Graphite);

impl Sink for Graphite {
    type Config = Config;

    fn open(config: Config, input: &Input) -> Result<Self> {
        Ok(Self {
            server: config.server,
            // Connected by the first `write`: `azud check` opens plugins too.
            connection: None,
            name: input.require::<Utf8>("name")?,
            value: input.require::<Float64>("value")?,
            time: input.require::<Timestamp>("ts")?,
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let (lines, rejected) = self.lines(batch)?;
        match self.send(lines.as_bytes()) {
            // Without a rejected row in it, all were taken.
            Ok(()) => Ok(rejected.into()),
            Err(error) => {
                self.connection = None;
                let reason = format!("{}: {error}", self.server);
                Ok(Outcome::retry_after(PAUSE, reason))
            }
        }
    }

    fn flush(&mut self) -> Result<Flushed> {
        // The protocol has no answer: what the system has taken is all that can be known.
        Ok(Flushed::Done)
    }
}

// === impl Graphite ===

impl Graphite {
    /// The rows as lines, and those that cannot be one.
    fn lines(&self, batch: &Batch) -> Result<(String, Partial)> {
        let (mut lines, mut rejected) = (String::new(), Partial::default());
        let names = batch.column::<Utf8>(self.name)?.iter();
        let values = batch.column::<Float64>(self.value)?.iter();
        let times = batch.column::<Timestamp>(self.time)?.iter();
        for (row, ((name, value), time)) in names.zip(values).zip(times).enumerate() {
            match (name, value, time) {
                (Some(name), _, _) if name.contains(char::is_whitespace) => {
                    rejected.reject(row, format!("`{name}` is no name: it has a blank"));
                }
                (Some(name), Some(value), Some(time)) => {
                    let seconds = time.div_euclid(1_000_000);
                    lines.push_str(&format!("{name} {value} {seconds}\n"));
                }
                _ => rejected.reject(row, "a point has a name, a value and a time"),
            }
        }
        Ok((lines, rejected))
    }

    fn send(&mut self, lines: &[u8]) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(TcpStream::connect(&self.server)?),
        };
        connection.write_all(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, net::TcpListener};

    use azud_plugin::testing::{Table, open_sink};

    use super::*;

    #[test]
    fn points_are_lines_and_the_rest_is_rejected() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = format!(r#"{{ "server": "{}" }}"#, server.local_addr().unwrap());
        let rows = Table::new()
            .column("name", Utf8, ["a.load", "b c", "d.load"])
            .column("value", Float64, [Some(0.5), Some(1.0), None])
            .column("ts", Timestamp, [1_767_225_600_000_000_i64; 3]);
        let mut sink = open_sink::<Graphite>(&config, &rows).unwrap();

        let mut rejected = Partial::default();
        rejected.reject(1, "`b c` is no name: it has a blank");
        rejected.reject(2, "a point has a name, a value and a time");
        assert_eq!(sink.write(&rows).unwrap(), rejected.into());
        assert_eq!(sink.flush().unwrap(), Flushed::Done);

        drop(sink);
        let mut sent = String::new();
        let (mut connection, _) = server.accept().unwrap();
        connection.read_to_string(&mut sent).unwrap();
        assert_eq!(sent, "a.load 0.5 1767225600\n");
    }
}
