//! Has records written that have waited a little, whether or not there are more for a request.
//!
//! It is what `linger.ms` is for. But once a record has waited for that long, or there is a whole
//! request, and it cannot be sent since another is on its way, librdkafka asks for the answer
//! without a pause, with all that a core can do (`rd_kafka_toppar_producer_serve`); which slows
//! down a broker beside it, and so the answer. So no request goes by itself, and this asks for them
//! in short moments: of each partition a whole request in each.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use azud_model::{Error, Result};
use rdkafka::producer::Producer;

use super::producer::Out;
use crate::native;

/// How long records wait for others.
const LITTLE: Duration = Duration::from_millis(5);

/// How long they do behind so many that requests are whole ones.
const LONG: Duration = Duration::from_millis(10);
const MANY: i32 = 10_000;

/// How long a flush may take: until a broker's thread has seen it.
const FLUSH: Duration = Duration::from_millis(1);

/// The thread that does so, for one producer; it ends when this or the producer is dropped.
pub(super) struct Linger(SyncSender<()>);

// === impl Linger ===

impl Linger {
    pub(super) fn start(out: &Arc<Out>) -> Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let out = Arc::downgrade(out);
        thread::Builder::new()
            .name("azud-kafka-linger".to_owned())
            .spawn(move || run(&receiver, &out))
            .map_err(|error| Error::unavailable("a thread of the kafka sink").because(error))?;
        Ok(Self(sender))
    }

    /// Records were sent.
    pub(super) fn begin(&self) {
        // If it was told and has not begun yet, it is going to find these too.
        let _ = self.0.try_send(());
    }
}

fn run(begins: &Receiver<()>, out: &Weak<Out>) {
    let waiting = || Some(out.upgrade()?.producer.in_flight_count());
    let flush = || Some(native::flush(out.upgrade()?.producer.client(), FLUSH));
    while begins.recv().is_ok() {
        loop {
            let Some(waiting) = waiting() else { return };
            thread::sleep(if waiting < MANY { LITTLE } else { LONG });
            match flush() {
                Some(true) => break,
                Some(false) => {}
                None => return,
            }
        }
    }
}
