//! A pipeline of this process.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use azud_engine::{Control, Environment, Plan, RunOptions, Stop, check, manifest_connectors};
use azud_manifest::{Plugin, PluginFile, parse};
use azud_model::SystemClock;
use azud_sandbox::{Sandbox, Settings};

/// One that is planned, and runs once.
pub(crate) struct Pipeline {
    plan: Mutex<Option<Plan>>,
    rows: Arc<AtomicU64>,
    stop: Stop,
}

impl Pipeline {
    /// Plans it: its plugins are compiled.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let shown = |report: azud_manifest::Report| anyhow!("{report}");
        let manifest = parse("bench", text, &manifest_connectors(), &|_| None).map_err(shown)?;
        let find_plugin = |plugin: &Plugin| match plugin.file() {
            PluginFile::Path(path) => Ok(path.value.clone().into()),
            PluginFile::Source(_) => Err("is built before".to_owned()),
        };
        let environment = Environment {
            directory: Path::new(".").to_owned(),
            sandbox: Sandbox::new(Settings::default())?,
            clock: Arc::new(SystemClock::new()),
            find_plugin: &find_plugin,
        };
        Ok(Self {
            plan: Mutex::new(Some(check(&manifest, &environment).map_err(shown)?)),
            rows: Arc::default(),
            stop: Stop::default(),
        })
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<()> {
        let plan = self.plan.lock().ok().and_then(|mut plan| plan.take());
        let ran = plan.context("it has run")?.run(RunOptions {
            control: Control::default(),
            stop: self.stop.clone(),
            allow_reset: Vec::new(),
            progress: self.rows.clone(),
            on_epoch: Box::new(|_| ()),
        });
        ran.map(drop).map_err(|error| anyhow!("{error}"))
    }

    /// Records that its sources have given so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Ends it with the epoch that is under way.
    pub(crate) fn stop(&self) {
        self.stop.request();
    }
}
