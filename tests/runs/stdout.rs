//! The standard output: a reader that goes away, a disk that is full.

use std::io::{BufRead, BufReader};

use crate::process::Run;

const ENDLESS: &str = "
name: endless
trigger: 100ms
sources:
  numbers: { generator: { rows_per_second: 1000, columns: { n: { type: bigint, sequence: true } } } }
sinks:
  screen: { from: numbers, console: { style: json } }
";

/// `azud run pipeline.yaml | head -1`.
#[test]
fn a_reader_that_goes_away_ends_the_run_without_a_word() {
    let mut run = Run::start(ENDLESS);
    let mut line = String::new();
    BufReader::new(run.take_stdout())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with(r#"{"n":"#), "{line}");
    let ended = run.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.errors(), "");
}

/// Some of it may have been shown: trying again would show it twice.
#[test]
fn an_output_that_is_full_stops_the_run() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let ended = Run::start_to(ENDLESS, full.unwrap()).wait();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.errors(),
        "error: sink `screen`: console: cannot write to the standard output: \
         No space left on device (os error 28)\n"
    );
}
