//! A guest's answer: columns of any schema, and the rows that they come from.
#![no_main]

use azud_sandbox::fuzzing::{Choices, answer, origins};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    match choices.below(8) {
        0 => origins(&mut choices),
        _ => answer(&mut choices),
    };
});
