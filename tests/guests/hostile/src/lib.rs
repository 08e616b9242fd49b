//! A transform that misbehaves. The configuration names how.
//!
//! It reads column 0 (bigint), carries column 1 and computes `out`, whose format
//! follows a colon in the configuration: `bad-utf8:u`. Without a switch its
//! answer is right.

mod answers;
mod opens;

use std::cell::RefCell;

wit_bindgen::generate!({ path: "../../../wit", world: "transform-plugin" });

use exports::azud::plugin::transform::{Batch, Field, Guest, Opened, Output};

thread_local! {
    static SWITCH: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn open(config: String, input: Vec<Field>) -> Result<Opened, String> {
        let (switch, format) = config.split_once(':').unwrap_or((&config, "l"));
        SWITCH.set(switch.into());
        opens::open(switch, format, &input)
    }

    fn process(batch: Batch) -> Result<Output, String> {
        answers::answer(&SWITCH.with_borrow(String::clone), batch)
    }
}
