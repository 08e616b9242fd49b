//! Answers that take long: whoever waits is told for what.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::log;

/// An answer that takes longer is waited for by somebody who may wonder.
const PATIENCE: Duration = Duration::from_secs(2);

const TOLD: &str = "still waiting: it takes over between two epochs, and is on probation until the \
                    first of its own is recorded (with an interval as trigger: each with a tick); \
                    it goes on if this command is ended\n";

/// Asks for a version or a manifest to take over, and tells on stderr, once, if that takes its time.
pub(crate) fn telling<T>(asks: impl FnOnce() -> T) -> T {
    let (answered, waits) = sync_channel::<()>(0);
    let tells = thread::Builder::new().spawn(move || {
        if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            log::print(TOLD);
        }
    });
    let answer = asks();
    drop(answered);
    // Not between the lines of the answer. Without a thread nothing is told.
    let _ = tells.map(thread::JoinHandle::join);
    answer
}
