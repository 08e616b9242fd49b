//! `azud reload`.

use std::thread;

use azud_admin::{Changed, Client, ClientError, Sent, ShadowStatus};
use azud_engine::Compared;
use azud_model::{Clock, Duration, SystemClock};

use crate::args::{At, ReloadArguments};
use crate::failure::Failure;
use crate::log;
use crate::output::{print_json, print_text};
use crate::waits::telling;

/// How often it is seen whether a shadow still runs.
const LOOKS: std::time::Duration = std::time::Duration::from_secs(1);

pub(crate) fn reload(arguments: &ReloadArguments) -> Result<(), Failure> {
    let (client, node) = (client(&arguments.at), &arguments.node);
    if arguments.promote {
        let changed = telling(|| client.promote(node)).map_err(failure)?;
        return tell(arguments, "what ran beside it", &changed);
    }
    if arguments.forget {
        let shadow = client.forget(node).map_err(failure)?;
        return match arguments.json {
            true => print_json(&shadow),
            false => print_text(&shown(&shadow)),
        };
    }
    let Some(component) = &arguments.component else {
        return Err(Failure::Input("name a component".to_owned()));
    };
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|at| at.is_ascii_hexdigit());
    if let Some(other) = arguments.sha256.as_deref().filter(|text| !is_digest(text)) {
        return Err(Failure::Input(format!(
            "--sha256: `{other}` is no sha256, which has 64 hexadecimal digits: `azud inspect` shows \
             that of a component"
        )));
    }
    let path = component.display().to_string();
    let bytes = std::fs::read(component);
    let bytes = bytes.map_err(|error| Failure::Input(format!("cannot read {path}: {error}")))?;
    let sent = Sent {
        name: &path,
        sha256: arguments.sha256.as_deref(),
        component: &bytes,
    };
    match arguments.shadow {
        Some(runs) => {
            let begun = client.begin_shadow(node, &sent).map_err(failure)?;
            // Beside what it prints, which may be for a program; before somebody ends it.
            let node = &begun.node;
            log::print(&format!(
                "both versions of `{node}` are given the same rows; also where this command is \
                 ended (Ctrl-C), the new one stays beside the old one until `azud reload {node} \
                 --promote` or `--forget`\n"
            ));
            let shadow = watched(&client, &begun, runs.into())?;
            tell_shadow(arguments, &shadow)
        }
        None => {
            let changed = telling(|| client.reload(node, &sent)).map_err(failure)?;
            tell(arguments, &path, &changed)
        }
    }
}

/// What has come of it after so long. It may end before, or another one take its place: that is
/// told as soon as it is seen.
fn watched(
    client: &Client,
    begun: &ShadowStatus,
    runs: std::time::Duration,
) -> Result<ShadowStatus, Failure> {
    let clock = SystemClock::new();
    loop {
        thread::sleep(runs.saturating_sub(clock.elapsed()).min(LOOKS));
        let has_run = clock.elapsed() >= runs;
        let shadow = client.shadow(&begun.node);
        let shadow = shadow.map_err(|error| Failure::Asked(error.to_string()))?;
        if shadow.now != begun.now {
            return Err(Failure::Asked(format!(
                "another version was sent to run beside the plugin of `{}`, sha256 {}, and this \
                 one has ended: send it again when that is done",
                begun.node, shadow.now
            )));
        }
        if has_run {
            return Ok(shadow);
        }
    }
}

fn tell(arguments: &ReloadArguments, what: &str, changed: &Changed) -> Result<(), Failure> {
    let (node, sha256) = (&changed.node, &changed.sha256);
    match (arguments.json, changed.from_epoch) {
        (true, _) => print_json(changed),
        (false, Some(epoch)) => print_text(&format!(
            "{node} runs {what} from epoch {epoch} on: sha256 {sha256}; lanes were busy with the \
             swap for {} us at most\n",
            changed.pause_micros.unwrap_or(0)
        )),
        (false, None) => print_text(&format!("{node} ran {what} already: sha256 {sha256}\n")),
    }
}

/// Differences are no failure of the command: a person decides. That nothing was compared is one.
fn tell_shadow(arguments: &ReloadArguments, shadow: &ShadowStatus) -> Result<(), Failure> {
    let node = &shadow.node;
    let next = format!(
        "azud reload {node} --promote lets it take over, azud reload {node} --forget ends it"
    );
    match arguments.json {
        true => print_json(shadow)?,
        false => print_text(&format!("{}\n{next}\n", shown(shadow)))?,
    }
    verdict(shadow)
}

fn verdict(shadow: &ShadowStatus) -> Result<(), Failure> {
    let (node, compared) = (&shadow.node, &shadow.compared);
    if compared.rows > 0 {
        return Ok(());
    }
    let why = match (compared.failed, compared.failed_before) {
        (0, 0) => format!(
            "no row came to `{node}` meanwhile, or the first call has not ended; the version stays \
             beside the other: look again with a longer --shadow, or let it go"
        ),
        (0, _) => "the old version failed in each call, and the new one stays beside it: send it \
                   rows that the old one can take"
            .to_owned(),
        _ => format!(
            "the new version failed in each call that went well with the old one, and stays beside \
             it: `azud reload {node} --forget` ends it"
        ),
    };
    Err(Failure::Asked(format!("nothing was compared: {why}")))
}

fn shown(shadow: &ShadowStatus) -> String {
    let (node, compared) = (&shadow.node, &shadow.compared);
    let Compared { rows, differ, .. } = *compared;
    let a_row = |micros: u64| micros as f64 * 1e3 / rows as f64;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let [before, now] = compared.micros;
    let [memory_before, memory_now] = compared.memory;
    let mut text = format!("{node}: {differ} of {rows} rows differ");
    if compared.calls > 0 {
        text += &format!(", in {}", count(compared.calls, "call"));
    }
    if compared.failed > 0 {
        text += &format!("; {}", failed(compared.failed_rows, compared.failed));
    }
    text.push('\n');
    // Of calls that failed it says nothing what they took.
    if rows > 0 {
        text += &format!(
            "time    {:.0} ns a row, {:.0} before\n\
             memory  {:.1} MiB, {:.1} before\n",
            a_row(now),
            a_row(before),
            mib(memory_now),
            mib(memory_before)
        );
    }
    if compared.failed_before > 0 {
        let calls = count(compared.failed_before, "call");
        text += &format!("{calls} failed with the old version: not compared\n");
    }
    if compared.left_out > 0 {
        let calls = count(compared.left_out, "call");
        text += &format!("{calls} left out: the new version was still at others\n");
    }
    for example in &compared.examples {
        text.push('\n');
        let parts = [&example.row, &example.before, &example.now];
        for (name, part) in ["row   ", "before", "now   "].iter().zip(parts) {
            // Of a call that failed it may not be known.
            if !part.is_empty() {
                text += &format!("{name}  {part}\n");
            }
        }
    }
    text
}

/// What of a shadow's rows is not compared, since the new version failed.
pub(crate) fn failed(rows: u64, calls: u64) -> String {
    let (rows, calls) = (count(rows, "row"), count(calls, "call"));
    format!("{rows} in {calls} failed with the new version only")
}

/// `1 call`, `2 calls`.
fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A node's name: it is a part of a URL.
pub(crate) fn node(text: &str) -> Result<String, String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    match !text.is_empty() && text.chars().all(is_letter) {
        true => Ok(text.to_owned()),
        false => Err("no node has such a name: letters, digits and `_`".to_owned()),
    }
}

/// How long a version runs beside the other: `1m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse()
        .map_err(|error| format!("{error}: write `30s` or `1m`"))
}

/// The pipeline that a command asks.
pub(crate) fn client(at: &At) -> Client {
    Client::new(&at.address, std::env::var(azud_admin::TOKEN).ok())
}

/// What a command ends with when the pipeline says no.
pub(crate) fn failure(error: ClientError) -> Failure {
    let (message, is_input) = match error {
        ClientError::Away(message) | ClientError::TakenBack(message) => (message, false),
        // Nothing was changed.
        ClientError::Refused(message) | ClientError::Busy(message) => (message, true),
    };
    match is_input {
        true => Failure::Input(message),
        false => Failure::Asked(message),
    }
}

#[cfg(test)]
mod tests {
    use azud_engine::Example;

    use super::*;

    fn shadow(compared: Compared) -> ShadowStatus {
        ShadowStatus {
            node: "prices".to_owned(),
            compared,
            ..ShadowStatus::default()
        }
    }

    #[test]
    fn rows_of_calls_that_failed_are_told_apart() {
        let all = shadow(Compared {
            calls: 2,
            rows: 6_000,
            differ: 1,
            failed: 1,
            failed_rows: 3_000,
            failed_before: 1,
            left_out: 4,
            micros: [600, 1_200],
            memory: [1 << 20, 3 << 20],
            examples: vec![
                Example {
                    now: "the plugin trapped".to_owned(),
                    failed: true,
                    ..Example::default()
                },
                Example {
                    row: "amount: 13".to_owned(),
                    before: "cents: 1300".to_owned(),
                    now: "the plugin trapped".to_owned(),
                    failed: true,
                },
            ],
        });
        assert_eq!(
            shown(&all),
            "prices: 1 of 6000 rows differ, in 2 calls; 3000 rows in 1 call failed with the new \
             version only\n\
             time    200 ns a row, 100 before\n\
             memory  3.0 MiB, 1.0 before\n\
             1 call failed with the old version: not compared\n\
             4 calls left out: the new version was still at others\n\
             \nnow     the plugin trapped\n\
             \nrow     amount: 13\nbefore  cents: 1300\nnow     the plugin trapped\n"
        );
        assert!(verdict(&all).is_ok());
    }

    /// It took no time, and had no memory, that could be compared.
    #[test]
    fn where_every_call_failed_nothing_was_compared() {
        let mut none = shadow(Compared {
            failed: 3,
            failed_rows: 9_000,
            ..Compared::default()
        });
        assert_eq!(
            shown(&none),
            "prices: 0 of 0 rows differ; 9000 rows in 3 calls failed with the new version only\n"
        );
        let told = |shadow: &ShadowStatus| verdict(shadow).map_err(|failure| failure.told(false));
        let failed = Err((
            "error: nothing was compared: the new version failed in each call that went well with \
             the old one, and stays beside it: `azud reload prices --forget` ends it\n"
                .to_owned(),
            1,
        ));
        assert_eq!(told(&none), failed);
        none.compared = Compared::default();
        assert!(told(&none).is_err_and(|(text, code)| text.contains("no row came") && code == 1));
        none.compared.failed_before = 2;
        assert!(
            told(&none).is_err_and(|(text, code)| text.contains("the old version") && code == 1)
        );
    }
}
