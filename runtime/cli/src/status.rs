//! `azud status`: what a running pipeline does.

mod text;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use azud_admin::{ClientError, Ended, Status};

use crate::args::{At, StatusArguments};
use crate::failure::Failure;
use crate::log;
use crate::output::{print_json, print_text, print_while_read};
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
        false => print_text(&text::shown(&status)),
    }
}

/// Shows it until the pipeline ends, or whoever reads it has gone away; Ctrl-C ends the process.
fn watch(arguments: &StatusArguments) -> Result<(), Failure> {
    let client = client(&arguments.at);
    // First, so that one that is about to end has somebody to tell how.
    let ends = end_of(&arguments.at)?;
    let mut status = client.status().map_err(failure)?;
    let mut is_again = false;
    loop {
        let text = match arguments.json {
            true => line(&status)?,
            false => {
                let before = before(is_again, std::io::stdout().is_terminal());
                let text = azud_sandbox::escaped_lines(&text::shown(&status));
                format!("{before}{text}")
            }
        };
        if !print_while_read(&text)? {
            return Ok(());
        }
        is_again = true;
        if let Some(ended) = wait(&ends) {
            return how(ended);
        }
        status = match client.status() {
            Ok(status) => status,
            // It may have said just now how it has ended.
            Err(ClientError::Away(why)) => match wait(&ends) {
                Some(ended) => return how(ended),
                None => return Err(gone(&arguments.at, &why)),
            },
            Err(error) => return Err(failure(error)),
        };
    }
}

/// What the pipeline says when it ends: asked for by a thread of its own, which ends with the process.
fn end_of(at: &At) -> Result<Receiver<Result<Ended, ClientError>>, Failure> {
    let (tells, ends) = sync_channel(1);
    let client = client(at);
    let asks = move || {
        // Nobody waits for it any more where the process ends.
        let _ = tells.send(client.end());
    };
    let thread = thread::Builder::new().name("azud-end".into()).spawn(asks);
    let cannot = |error| Failure::Input(format!("cannot start a thread: {error}"));
    thread.map(|_| ends).map_err(cannot)
}

/// Waits until it is time to look again, or the pipeline has said how it ended.
fn wait(ends: &Receiver<Result<Ended, ClientError>>) -> Option<Ended> {
    match ends.recv_timeout(EVERY) {
        Ok(ended) => ended.ok(),
        Err(RecvTimeoutError::Timeout) => None,
        // What was asked is lost, and the pipeline may be there.
        Err(RecvTimeoutError::Disconnected) => {
            thread::sleep(EVERY);
            None
        }
    }
}

fn how(ended: Ended) -> Result<(), Failure> {
    let name = azud_sandbox::escaped(&ended.name);
    match ended.failed {
        Some(why) => Err(Failure::Asked(format!(
            "the pipeline `{name}` has failed: {}",
            azud_sandbox::escaped(&why)
        ))),
        None => Ok(()),
    }
}

/// It has not said that it ends: it was killed, or cannot be reached any more.
fn gone(at: &At, why: &str) -> Failure {
    Failure::Asked(format!(
        "the pipeline at {} has gone without a word: {why}",
        at.address
    ))
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
    Ok(log::shown(&line) + "\n")
}
