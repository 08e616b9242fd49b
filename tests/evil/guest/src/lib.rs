//! A transform, a sink, a plugin with state and an aggregate that misbehave, as the configuration
//! says: `{ where: open|process|write|flush|timer|update|merge|finish|former|migrate, how: ...,
//! to: ... }`.
//!
//! Of the column `n` it harms where a batch has a 7, so that its neighbours can be
//! seen to live. What it sees of the world it logs: `saw ...`.

mod aggregate;
mod answers;
mod harm;
mod keyed;
mod network;
mod opens;
mod outcomes;
mod requests;
mod world;

use std::cell::{Cell, RefCell};

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package azud:evil;
        world evil {
            include azud:plugin/host-imports@0.1.0;
            export azud:plugin/transform@0.1.0;
            export azud:plugin/sink@0.1.0;
            export azud:plugin/keyed@0.1.0;
            export azud:plugin/aggregate@0.1.0;
            export azud:plugin/aggregate-migration@0.1.0;
        }
    ",
    world: "azud:evil/evil",
    generate_all,
});

use azud::plugin::{
    log::{self, Level},
    types::{Batch, Field},
};
use exports::azud::plugin::{
    sink::{self, Flushed, Outcome},
    transform::{self, Opened, Output},
};

/// What the configuration says.
#[derive(Clone, Default)]
pub struct Config {
    at: String,
    how: String,
    /// A server or a path.
    to: String,
    /// What the column `said` has.
    said: String,
}

/// What a test writes into the component, to have another version of it: a configuration, which
/// then counts in place of that of the node.
#[used]
static VERSION: [u8; 128] = *b"azud-evil-version:                                                                                                              ";

thread_local! {
    /// How often a transform was called.
    static CALLS: Cell<u32> = Cell::default();
    static CONFIG: RefCell<Config> = RefCell::default();
}

struct Evil;

export!(Evil);

impl transform::Guest for Evil {
    fn open(config: String, columns: Vec<Field>) -> Result<Opened, String> {
        configure(&config, "open");
        opens::open(&how(), columns.len())
    }

    fn process(batch: Batch) -> Result<Output, String> {
        let calls = CALLS.replace(CALLS.get() + 1);
        let evil = has_seven(&batch) && (is_at("process") || is_at("later") && calls > 0);
        if evil {
            act(&how());
        }
        answers::answer(if evil { how() } else { String::new() }, batch)
    }
}

impl sink::Guest for Evil {
    fn open(config: String, _: Vec<Field>) -> Result<(), String> {
        configure(&config, "open");
        Ok(())
    }

    fn write(batch: Batch) -> Outcome {
        let evil = has_seven(&batch) && is_at("write");
        if evil {
            act(&how());
        }
        outcomes::write(if evil { how() } else { String::new() }, &batch)
    }

    fn flush() -> Flushed {
        let evil = is_at("flush");
        if evil {
            act(&how());
        }
        outcomes::flush(if evil { how() } else { String::new() })
    }
}

fn configure(config: &str, here: &str) {
    // Read as it is in the component, not as it was compiled.
    let version: Vec<u8> = (VERSION.iter())
        .map(|byte| unsafe { std::ptr::read_volatile(byte) })
        .collect();
    let version = String::from_utf8_lossy(&version);
    let config = match version.split_once(':') {
        Some((_, version)) if !version.trim().is_empty() => version.trim(),
        _ => config,
    };
    let text = |key: &str| {
        let rest = config
            .split_once(&format!("\"{key}\":\""))
            .map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once('"'))
            .map_or(String::new(), |(text, _)| text.into())
    };
    CONFIG.set(Config {
        at: text("where"),
        how: text("how"),
        to: text("to"),
        said: text("said"),
    });
    if is_at(here) {
        act(&how());
    }
}

fn how() -> String {
    CONFIG.with_borrow(|config| config.how.clone())
}

/// What rows that go well are given.
fn said() -> String {
    CONFIG.with_borrow(|config| match config.said.as_str() {
        "" => "ok".to_owned(),
        said => said.to_owned(),
    })
}

/// Where a case wants to go.
fn to() -> String {
    CONFIG.with_borrow(|config| config.to.clone())
}

fn is_at(place: &str) -> bool {
    CONFIG.with_borrow(|config| config.at == place)
}

/// Whether a batch has the row that harm is done at.
fn has_seven(batch: &Batch) -> bool {
    numbers(batch).contains(&7)
}

/// The values of the first column.
fn numbers(batch: &Batch) -> Vec<i64> {
    let values = batch.buffers.get(1).map_or(&[][..], Vec::as_slice);
    let values = values.chunks_exact(8).take(batch.rows as usize);
    values
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// What can be done anywhere.
fn act(how: &str) {
    let saw = match how.split_once('-') {
        Some(("see", what)) => world::see(what),
        Some(("net", what)) => network::reach(what),
        Some(("http", what)) => requests::send(what),
        _ => return harm::harm(how),
    };
    log::log(Level::Info, &format!("saw {saw}"));
}
