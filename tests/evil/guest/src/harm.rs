//! What harms wherever it is done: time, memory, stack, log.

use std::{hint::black_box, mem};

use wasip2::{cli, clocks::monotonic_clock, io::poll, random};

use crate::log::{self, Level};

pub fn harm(how: &str) {
    let info = |line: &str| log::log(Level::Info, line);
    match how {
        "loops" => loop {
            black_box(0);
        },
        "loops-and-logs" => loop {
            info("again");
        },
        "loops-and-looks" => loop {
            black_box(monotonic_clock::now());
            let ready = monotonic_clock::subscribe_duration(0);
            poll::poll(&[&ready]);
        },
        "waits" => monotonic_clock::subscribe_duration(u64::MAX).block(),
        "waits-for-all" => {
            let all: Vec<_> = (0..100)
                .map(|n| monotonic_clock::subscribe_duration(u64::MAX - n))
                .collect();
            let all: Vec<_> = all.iter().cycle().take(5_000).collect();
            black_box(poll::poll(&all));
        }
        "polls-nothing" => drop(poll::poll(&[])),
        "eats-memory" => loop {
            mem::forget(black_box(vec![1_u8; 1 << 20]));
        },
        // A little more with each call.
        "leaks" => mem::forget(black_box(vec![1_u8; 1 << 20])),
        "recurses" => info(&recurse(black_box(1)).to_string()),
        "panics" => panic!("a word\n\u{1b}[31mof the plugin"),
        "aborts" => std::process::abort(),
        "exits" => std::process::exit(0),
        "exits-badly" => cli::exit::exit(Err(())),
        "divides" => info(&(black_box(1) / black_box(0)).to_string()),
        "holds-timers" => loop {
            mem::forget(monotonic_clock::subscribe_duration(u64::MAX));
        },
        "asks-for-random" => drop(black_box(random::random::get_random_bytes(u64::MAX >> 1))),
        "asks-for-less-random" => drop(black_box(random::random::get_random_bytes(40 << 20))),
        "logs-lines" => (0..1_000_000).for_each(|_| info("a line of many")),
        "prints-lines" => (0..100_000).for_each(|_| println!("a line of many")),
        "prints-no-end" => print!("{}", "x".repeat(1 << 20)),
        "stops-in-a-line" => {
            eprint!("why it\u{1b}[31m ends");
            std::process::abort();
        }
        "prints-half" => eprint!("half a line"),
        "logs-a-long-line" => info(&"x".repeat(6 << 20)),
        "logs-too-much" => info(&"x".repeat(30 << 20)),
        "logs-controls" => {
            info("one\n INFO two\r\u{1b}[2J\u{7}\u{9b}31m\u{202e}three\u{2028}\u{0}");
            println!("four\u{1b}]0;title\u{7}");
            log::log(Level::Error, &"\u{1b}".repeat(100_000));
        }
        _ => {}
    }
}

fn recurse(depth: u64) -> u64 {
    if black_box(depth) == 0 {
        0
    } else {
        recurse(depth + 1).wrapping_mul(3) + 1
    }
}
