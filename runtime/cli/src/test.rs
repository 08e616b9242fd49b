//! `azud test`.

use std::path::Path;

use azud_manifest::Plugin;
use azud_testing::{Outcome, Setup};
use serde_json::{Value, json};

use crate::args::TestArguments;
use crate::failure::Failure;
use crate::output::print;
use crate::{load, sandbox};

/// What came of all files so far.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Whether a file's tests could not be run at all.
    broken: bool,
    /// For `--json`.
    outcomes: Vec<Value>,
    /// Why an outcome could not be told.
    unwritten: Option<Failure>,
}

pub(crate) fn test(arguments: &TestArguments) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let mut without = Vec::new();
    for file in &arguments.files {
        match tests_of(file, arguments, &mut tally) {
            Ok(true) => {}
            Ok(false) => without.push(file.display().to_string()),
            Err(failure) => tally.broke(file, failure, arguments.json),
        }
    }
    if let Some(unwritten) = tally.unwritten.take() {
        return Err(unwritten);
    }
    if arguments.json {
        let outcomes = std::mem::take(&mut tally.outcomes);
        print(&format!("{:#}\n", Value::Array(outcomes)))?;
    } else if tally.passed + tally.failed > 0 {
        print(&format!(
            "{} passed, {} failed\n",
            tally.passed, tally.failed
        ))?;
    }
    let nothing = tally.passed + tally.failed == 0;
    match (&arguments.filter, without.is_empty()) {
        _ if tally.broken => {}
        (_, false) if nothing => return Err(Failure::Input(has_no_tests(&without.join(", ")))),
        (_, false) => tracing::warn!("{}", has_no_tests(&without.join(", "))),
        (Some(filter), true) if nothing => {
            return Err(Failure::Input(format!(
                "no test's name contains `{filter}`"
            )));
        }
        _ => {}
    }
    match tally.failed {
        _ if tally.broken => Err(Failure::Silent),
        0 => Ok(()),
        _ => Err(Failure::Tests),
    }
}

fn has_no_tests(files: &str) -> String {
    format!("no tests in {files}: write rows that go in and rows that must come out under `tests`")
}

/// Runs the tests of one manifest; answers whether it has any.
fn tests_of(file: &Path, arguments: &TestArguments, tally: &mut Tally) -> Result<bool, Failure> {
    let manifest = load::manifest(file)?;
    let directory = load::directory(file);
    let find_plugin = |plugin: &Plugin| load::find(&directory, plugin);
    let setup = Setup {
        directory: directory.clone(),
        sandbox: sandbox::start()?,
        find_plugin: &find_plugin,
    };
    let wanted = |name: &str| {
        let filter = arguments.filter.as_deref();
        filter.is_none_or(|filter| name.contains(filter))
    };
    let several = arguments.files.len() > 1;
    let mut first = true;
    let mut each = |outcome: Outcome| {
        if several && !arguments.json && std::mem::take(&mut first) {
            tally.print(&format!("{}\n", file.display()));
        }
        tally.add(file, outcome, arguments.json);
    };
    azud_testing::run(&manifest, &setup, &wanted, &mut each).map_err(Failure::Report)?;
    Ok(!manifest.tests.is_empty())
}

// === impl Tally ===

impl Tally {
    /// Tells a test's outcome; `json` keeps it for the end.
    fn add(&mut self, file: &Path, outcome: Outcome, json: bool) {
        let ok = outcome.failure.is_none();
        *(if ok {
            &mut self.passed
        } else {
            &mut self.failed
        }) += 1;
        let diff = outcome.failure.unwrap_or_default();
        if json {
            let file = file.display().to_string();
            self.outcomes.push(json!({
                "file": file,
                "name": outcome.name,
                "ok": ok,
                "diff": diff,
                "timeline": outcome.timeline,
            }));
            return;
        }
        let verdict = if ok { "ok" } else { "FAILED" };
        let name = azud_sandbox::escaped(&outcome.name);
        let mut text = format!("{verdict} {name}\n");
        for line in diff.lines() {
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
        self.print(&text);
    }

    /// After what cannot be written nothing else is: the tests go on all the same.
    fn print(&mut self, text: &str) {
        if self.unwritten.is_none() {
            self.unwritten = print(text).err();
        }
    }

    /// Tells why a file's tests could not be run; the other files go on.
    fn broke(&mut self, file: &Path, failure: Failure, json: bool) {
        self.broken = true;
        if json {
            let (why, _) = failure.told(false);
            let file = file.display().to_string();
            self.outcomes.push(
                json!({ "file": file, "name": null, "ok": false, "diff": why, "timeline": [] }),
            );
        } else {
            failure.report();
        }
    }
}
