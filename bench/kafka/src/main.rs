//! Kafka -> plugin -> Kafka against a bare loop of librdkafka, over the same broker in the same run.
//!
//! ```text
//! azud-bench-kafka rate SERVERS AZUD GUEST [BYTES] [RECORDS]
//! azud-bench-kafka latency SERVERS AZUD GUEST [RECORDS A SECOND] [SECONDS]
//! ```
//!
//! AZUD is the binary, GUEST the folder of the filter plugin. `bench/race kafka` starts a broker
//! and calls both.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures time and prints figures"
)]

mod azud;
mod bare;
mod cpu;
mod latency;
mod rate;
mod topics;

use std::env;

use anyhow::{Context, Result, bail};

/// What is raced.
pub(crate) struct Place {
    pub(crate) servers: String,
    /// The binary.
    pub(crate) azud: String,
    /// The folder of the plugin.
    pub(crate) guest: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, servers, azud, guest, rest @ ..] = arguments.as_slice() else {
        bail!("azud-bench-kafka rate | latency SERVERS AZUD GUEST [...]");
    };
    let place = Place {
        servers: servers.clone(),
        azud: azud.clone(),
        guest: guest.clone(),
    };
    let number = |index: usize, usual: usize| match rest.get(index) {
        Some(text) => text
            .parse()
            .with_context(|| format!("`{text}` is no number")),
        None => Ok(usual),
    };
    match what.as_str() {
        "rate" => {
            let bytes = number(0, 100)?;
            rate::race(&place, bytes, number(1, 800_000_000 / bytes.max(1))?)
        }
        "latency" => latency::measure(&place, number(0, 50_000)?, number(1, 10)?),
        other => bail!("`{other}` is neither rate nor latency"),
    }
}
