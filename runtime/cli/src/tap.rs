//! `azud tap`.

mod row;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use azud_admin::{TapCount, TapLine};

use crate::args::TapArguments;
use crate::failure::Failure;
use crate::output::print_while_read;
use crate::reload::{client, failure};

/// What was told last of how many rows there are.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<TapCount>>);

pub(crate) fn tap(arguments: &TapArguments) -> Result<(), Failure> {
    let TapArguments { node, rate, .. } = arguments;
    let client = client(&arguments.at);
    let lines = client.tap(node, *rate, arguments.limit);
    let lines = lines.map_err(failure)?;
    tell(&format!(
        "rows of {node}, at most {rate} a second; Ctrl-C ends it"
    ));
    let counted = Counted::default();
    counted.tell_on_interrupt()?;
    for line in lines {
        let shown = match line.map_err(failure)? {
            TapLine::Row(row) => {
                counted.lock().shown += 1;
                match arguments.json {
                    true => row::json(row.get()),
                    false => row::text(row.get()),
                }
            }
            TapLine::TooLong(long) => {
                counted.lock().shown += 1;
                tell(&format!(
                    "a row of {} bytes is too long to be shown",
                    long.bytes
                ));
                continue;
            }
            TapLine::Count(count) => {
                counted.lock().passed = count.passed;
                continue;
            }
            TapLine::Ended(ended) => {
                tell(&format!(
                    "{}: {}",
                    told(ended.count),
                    azud_sandbox::escaped(&ended.why)
                ));
                return Ok(());
            }
        };
        // At once: whoever looks waits for it. `| head` has seen enough.
        if !print_while_read(&format!("{shown}\n"))? {
            break;
        }
    }
    Ok(())
}

/// Beside the rows, which may be on their way to another program.
fn tell(line: &str) {
    // If stderr is gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// `12 rows shown, 34,000 passed`.
fn told(count: TapCount) -> String {
    let rows = if count.shown == 1 { "row" } else { "rows" };
    // It is told of those that pass only now and then.
    let passed = count.passed.max(count.shown);
    format!(
        "{} {rows} shown, {} passed",
        grouped(count.shown),
        grouped(passed)
    )
}

/// `34,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if place > 0 && place % 3 == 0 {
            text.push(',');
        }
    }
    text
}

// === impl Counted ===

impl Counted {
    /// Ctrl-C ends the command, which waits for the next row: what it has shown is told first.
    fn tell_on_interrupt(&self) -> Result<(), Failure> {
        let cannot = |error| Failure::Input(format!("cannot listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_io().build().map_err(cannot)?;
        let counted = self.clone();
        let waits = move || {
            runtime.block_on(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    tell(&told(*counted.lock()));
                    std::process::exit(0);
                }
            });
        };
        let thread = thread::Builder::new().name("azud-signals".into());
        thread.spawn(waits).map(drop).map_err(cannot)
    }

    fn lock(&self) -> MutexGuard<'_, TapCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_people_read_them() {
        let told = |shown, passed| told(TapCount { shown, passed });
        assert_eq!(told(12, 34_000), "12 rows shown, 34,000 passed");
        assert_eq!(told(1, 1), "1 row shown, 1 passed");
        assert_eq!(told(0, 123), "0 rows shown, 123 passed");
        assert_eq!(told(1_000, 1_234_567), "1,000 rows shown, 1,234,567 passed");
        assert_eq!(told(3, 0), "3 rows shown, 3 passed");
    }
}
