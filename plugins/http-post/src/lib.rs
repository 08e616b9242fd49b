//! Posts batches to an HTTP server, as JSON lines. See `README.md`.
//!
//! ```text
//! batch -> bodies of at most max_bytes   (parts.rs)
//!       -> requests, one after the other (poster.rs, transport.rs)
//!       -> what each answer means        (verdict.rs)
//!       -> what became of the rows       (poster.rs)
//! ```

mod config;
mod endpoint;
mod headers;
mod parts;
mod poster;
mod secrets;
#[cfg(test)]
mod tests;
mod transport;
mod verdict;
mod wait;
#[cfg(target_family = "wasm")]
mod wasi;

use azud_plugin::{Batch, Input, JsonLines, Outcome, Result, Sink};
use config::Config;
use poster::Poster;
use transport::Transport;

/// The plugin, opened.
struct HttpPost {
    json: JsonLines,
    poster: Poster,
    transport: Box<dyn Transport>,
}

azud_plugin::sink!(HttpPost);

// === impl HttpPost ===

impl Sink for HttpPost {
    type Config = Config;

    fn open(config: Config, input: &Input) -> Result<Self> {
        Ok(Self {
            json: JsonLines::new(input)?,
            // A granted secret is an environment variable here.
            poster: Poster::new(config, |name| std::env::var(name).ok())?,
            transport: Box::new(transport::Default),
        })
    }

    /// What a server accepted is its own to keep: nothing is left for `flush`.
    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let rows = self.json.rows(batch)?;
        self.poster
            .write(batch.rows(), &rows, self.transport.as_mut())
    }
}
