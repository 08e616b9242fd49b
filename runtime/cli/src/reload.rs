//! `azud reload`.

use std::thread;

use azud_admin::{Changed, Client, ClientError, Sent, ShadowStatus};
use azud_engine::Compared;
use azud_model::Duration;

use crate::args::{At, ReloadArguments};
use crate::failure::Failure;
use crate::output::{print_json, print_text};
use crate::waits::telling;

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
            client.begin_shadow(node, &sent).map_err(failure)?;
            thread::sleep(runs.into());
            let shadow = client.shadow(node).map_err(failure)?;
            tell_shadow(arguments, &shadow)
        }
        None => {
            let changed = telling(|| client.reload(node, &sent)).map_err(failure)?;
            tell(arguments, &path, &changed)
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
    let (node, compared) = (&shadow.node, &shadow.compared);
    let next = format!(
        "azud reload {node} --promote lets it take over, azud reload {node} --forget ends it"
    );
    match arguments.json {
        true => print_json(shadow)?,
        false => print_text(&format!("{}\n{next}\n", shown(shadow)))?,
    }
    if compared.calls + compared.failed + compared.failed_before > 0 {
        return Ok(());
    }
    Err(Failure::Asked(format!(
        "nothing was compared: no row came to `{node}` meanwhile, or the first call has not ended; \
         the version stays beside the other: look again with a longer --shadow, or let it go"
    )))
}

fn shown(shadow: &ShadowStatus) -> String {
    let (node, compared) = (&shadow.node, &shadow.compared);
    let Compared { rows, differ, .. } = compared;
    let a_row = |micros: u64| micros as f64 * 1e3 / (*rows).max(1) as f64;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let [before, now] = compared.micros;
    let [memory_before, memory_now] = compared.memory;
    let mut text = format!(
        "{node}: {differ} of {rows} rows differ, in {} calls\n\
         time    {:.0} ns a row, {:.0} before\n\
         memory  {:.1} MiB, {:.1} before\n",
        compared.calls,
        a_row(now),
        a_row(before),
        mib(memory_now),
        mib(memory_before)
    );
    for (calls, what) in [
        (compared.failed, "calls failed with the new version only"),
        (
            compared.failed_before,
            "calls failed with the old version, and are not compared",
        ),
        (
            compared.left_out,
            "calls are left out: the new version was still at others",
        ),
    ] {
        if calls > 0 {
            text += &format!("{calls} {what}\n");
        }
    }
    for example in &compared.examples {
        text += &match example.row.is_empty() {
            true => format!("\nnow     {}\n", example.now),
            false => format!(
                "\nrow     {}\nbefore  {}\nnow     {}\n",
                example.row, example.before, example.now
            ),
        };
    }
    text
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
