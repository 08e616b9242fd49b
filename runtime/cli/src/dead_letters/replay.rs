//! `azud dead-letters replay`.

use std::collections::{BTreeSet, HashSet};

use azud_admin::{RefusedReplay, ReplayRequest, Replayed};
use azud_engine::ReplayRow;
use azud_model::{Error, ErrorKind};

use super::chosen::Letters;
use super::dry_run::dry_run;
use super::show::not_there;
use crate::args::LettersReplay;
use crate::failure::Failure;
use crate::output::{print_json, print_text};
use crate::reload::{client, failure};

/// So many rows, or bytes of them, are one request.
const ROWS: usize = 10_000;
const BYTES: usize = 16 << 20;

pub(super) fn replay(arguments: &LettersReplay) -> Result<(), Failure> {
    if arguments.plugin.is_some() && !arguments.dry_run {
        let node = arguments.of.node.as_deref().unwrap_or("NODE");
        return Err(Failure::Input(format!(
            "--plugin is for --dry-run: azud reload {node} COMPONENT lets it take over in the \
             pipeline that runs, and what is replayed then is given to it"
        )));
    }
    let letters = Letters::open(&arguments.of)?;
    match arguments.dry_run {
        true => {
            let mut rows = Vec::new();
            chosen(arguments, &letters, &mut |row| {
                rows.push(row);
                Ok(())
            })?;
            dry_run(arguments, &letters.manifest, rows)
        }
        false => send(arguments, &letters),
    }
}

/// Every row that is to be replayed; answers how many are left out, because they were before.
fn chosen(
    arguments: &LettersReplay,
    letters: &Letters,
    each: &mut dyn FnMut(ReplayRow) -> Result<(), Error>,
) -> Result<u64, Failure> {
    let mut missing: BTreeSet<&str> = arguments.ids.iter().map(String::as_str).collect();
    let are_named = !missing.is_empty();
    let mut left_out = 0;
    // Several sinks may have the same one.
    let mut met = letters.are_in_several_sinks().then(HashSet::new);
    letters.read(&mut |letter, was_replayed| {
        if met
            .as_mut()
            .is_some_and(|met| !met.insert(letter.id.clone()))
        {
            return Ok(());
        }
        if are_named && !missing.remove(letter.id.as_str()) {
            return Ok(());
        }
        if was_replayed && !arguments.again {
            left_out += 1;
            return Ok(());
        }
        each(letter.to_replay())
    })?;
    not_there(&missing)?;
    Ok(left_out)
}

/// Requests that are made one after the other.
struct Sends<'a> {
    arguments: &'a LettersReplay,
    waiting: ReplayRequest,
    bytes: usize,
    all: Replayed,
    failed: Option<Failure>,
}

fn send(arguments: &LettersReplay, letters: &Letters) -> Result<(), Failure> {
    let mut sends = Sends {
        arguments,
        waiting: ReplayRequest {
            pipeline: Some(letters.manifest.name.value.clone()),
            rows: Vec::new(),
            again: arguments.again,
        },
        bytes: 0,
        all: Replayed::default(),
        failed: None,
    };
    let left_out = chosen(arguments, letters, &mut |row| sends.add(row))?;
    sends.flush();
    let Sends {
        mut all, failed, ..
    } = sends;
    all.left_out += left_out;
    match arguments.json {
        true => print_json(&all)?,
        false if failed.is_some() && all.rows == 0 => {}
        false => print_text(&told(&all))?,
    }
    match (failed, all.refused.as_slice()) {
        (Some(failed), _) => Err(failed),
        (None, []) => Ok(()),
        (None, refused) => Err(match all.rows {
            0 => Failure::Input(why(refused)),
            _ => Failure::Asked(why(refused)),
        }),
    }
}

// === impl Sends ===

impl Sends<'_> {
    fn add(&mut self, row: ReplayRow) -> Result<(), Error> {
        self.bytes += row.value.len();
        self.waiting.rows.push(row);
        if self.waiting.rows.len() >= ROWS || self.bytes >= BYTES {
            self.flush();
        }
        match self.failed {
            Some(_) => Err(Error::new(ErrorKind::Closed, "nobody takes more")),
            None => Ok(()),
        }
    }

    fn flush(&mut self) {
        if self.waiting.rows.is_empty() || self.failed.is_some() {
            return;
        }
        match client(&self.arguments.at).replay(&self.waiting) {
            Ok(done) => {
                self.all.rows += done.rows;
                self.all.epoch = done.epoch.or(self.all.epoch);
                self.all.left_out += done.left_out;
                self.all.pending += done.pending;
                self.all.refused.extend(done.refused);
                for (node, rows) in done.late {
                    *self.all.late.entry(node).or_default() += rows;
                }
            }
            Err(error) => self.failed = Some(failure(error)),
        }
        self.waiting.rows.clear();
        self.bytes = 0;
    }
}

fn told(all: &Replayed) -> String {
    let epoch = all.epoch.map(|epoch| format!(" with epoch {epoch}"));
    let mut text = format!("{} replayed{}\n", all.rows, epoch.unwrap_or_default());
    for (node, rows) in &all.late {
        let (node, s) = (
            azud_sandbox::escaped(node),
            if *rows == 1 { "" } else { "s" },
        );
        text += &format!(
            "{rows} row{s} of the same epochs came too late for {node}, which went on without: what is \
             late goes to {node}.late\n"
        );
    }
    let pending = all.pending.min(all.left_out);
    let replayed = all.left_out - pending;
    if replayed > 0 {
        text += &format!(
            "{replayed} left out: they were replayed before, and --again replays them once more\n"
        );
    }
    if pending > 0 {
        text += &format!(
            "{pending} left out: they were asked for before, and are on their way: the epoch that \
             takes them is not committed yet\n"
        );
    }
    text
}

/// Why some cannot be replayed: a line each.
pub(super) fn why(refused: &[RefusedReplay]) -> String {
    let lines = refused.iter().map(|one| {
        let why = azud_sandbox::escaped(&one.why).to_string();
        format!("\n  {}: {why}", one.id)
    });
    let lines: String = lines.collect();
    format!("{} cannot be replayed:{lines}", refused.len())
}
