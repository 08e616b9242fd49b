//! What a guest's `open` announces of a column.
#![no_main]

use azud_sandbox::fuzzing::{Choices, announce};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    announce(&mut Choices::new(bytes));
});
