//! `azud status`: what a running pipeline does.

mod text;

use std::io::{IsTerminal, Write};
use std::thread;
use std::time::Duration;

use azud_admin::{ClientError, Status};

use crate::args::StatusArguments;
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::reload::{client, failure};

/// How often it is shown anew.
const EVERY: Duration = Duration::from_secs(1);

/// From the top left corner on, with nothing left of what was there.
const ANEW: &str = "\x1b[H\x1b[2J\x1b[3J";

pub(crate) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    if arguments.watch {
        return watch(arguments);
    }
    let status = client(&arguments.at).status().map_err(failure)?;
    match arguments.json {
        true => print_json(&status),
        false => print(&text::shown(&status)),
    }
}

/// Shows it until the pipeline ends, or whoever reads it has gone away; Ctrl-C ends the process.
fn watch(arguments: &StatusArguments) -> Result<(), Failure> {
    let client = client(&arguments.at);
    let mut has_answered = false;
    loop {
        let status = match client.status() {
            Ok(status) => status,
            // It has ended.
            Err(ClientError::Away(_)) if has_answered => return Ok(()),
            Err(error) => return Err(failure(error)),
        };
        let mut stdout = std::io::stdout().lock();
        let text = match arguments.json {
            true => line(&status)?,
            false => {
                let before = before(has_answered, stdout.is_terminal());
                format!("{before}{}", text::shown(&status))
            }
        };
        let written = stdout.write_all(text.as_bytes());
        if written.and_then(|()| stdout.flush()).is_err() {
            return Ok(());
        }
        drop(stdout);
        has_answered = true;
        thread::sleep(EVERY);
    }
}

/// What comes between one status and the next: on a terminal it takes the place of the last.
const fn before(is_again: bool, is_terminal: bool) -> &'static str {
    match (is_terminal, is_again) {
        (true, _) => ANEW,
        (false, true) => "\n",
        (false, false) => "",
    }
}

/// A status in a line of its own, for programs.
fn line(status: &Status) -> Result<String, Failure> {
    let line = serde_json::to_string(status);
    let line = line.map_err(|error| Failure::Input(format!("no JSON: {error}")))?;
    Ok(format!("{line}\n"))
}
