//! What tests see of the steps of a commit, and how they stop it: a process that dies.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Shared by all that a sink does.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// How many steps are left; `None` without a limit.
    left: Option<usize>,
    /// `rename out/part-0-0.json`.
    steps: Vec<String>,
}

// === impl Probe ===

impl Probe {
    /// After so many steps from now on none works any more.
    pub(super) fn die_after(&self, steps: usize) {
        self.0.lock().unwrap().left = Some(steps);
    }

    /// What was done, below `root`; forgets it.
    pub(super) fn take(&self, root: &Path) -> Vec<String> {
        let root = format!("{}/", root.display());
        let steps = std::mem::take(&mut self.0.lock().unwrap().steps);
        steps.iter().map(|step| step.replace(&root, "")).collect()
    }

    pub(super) fn step(&self, what: &str, path: &Path) -> io::Result<()> {
        let mut seen = self.0.lock().unwrap();
        if let Some(left) = &mut seen.left {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| io::Error::other("the process has died"))?;
        }
        seen.steps.push(format!("{what} {}", path.display()));
        Ok(())
    }
}
