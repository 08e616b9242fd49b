//! What a keyed guest's `open` announces, and what it answers: states, timers, rows.
#![no_main]

use azud_sandbox::fuzzing::{Choices, keyed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    keyed(&mut Choices::new(bytes));
});
