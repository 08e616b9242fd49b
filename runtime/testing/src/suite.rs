//! All tests of a manifest, one after the other.

use std::path::PathBuf;

use azud_engine::{FindPlugin, LoadedPlugins, check_for_test};
use azud_manifest::{Manifest, Report};
use azud_sandbox::Sandbox;
use serde_json::Value;

use crate::case;

/// What tests are run with.
pub struct Setup<'a> {
    /// Relative paths start here: the manifest's folder.
    pub directory: PathBuf,
    /// Runs the plugins.
    pub sandbox: Sandbox,
    /// Finds a plugin's component: asked once a plugin.
    pub find_plugin: &'a FindPlugin<'a>,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The test's name.
    pub name: String,
    /// Why it failed, if it did: lines, each with its line end.
    pub failure: Option<String>,
    /// What happened, an object a step; empty where the test itself is wrong.
    pub timeline: Vec<Value>,
}

/// Runs the tests whose names are `wanted`, in the manifest's order, and hands each outcome to
/// `each` as soon as it is there. A test never sees what another one left behind.
///
/// # Errors
/// What is wrong with the manifest's sources and transforms: then no test is run.
pub fn run(
    manifest: &Manifest,
    setup: &Setup<'_>,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(Outcome),
) -> Result<(), Report> {
    let mut loaded = LoadedPlugins::default();
    let environment = case::environment(setup, case::clock());
    check_for_test(manifest, &environment, &mut loaded, Vec::new(), None)?;
    for test in &manifest.tests {
        if wanted(&test.name.value) {
            let outcome = case::run(manifest, test, setup, &mut loaded);
            each(Outcome {
                name: test.name.value.clone(),
                failure: outcome.failure,
                timeline: outcome.timeline,
            });
        }
    }
    Ok(())
}

impl std::fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
