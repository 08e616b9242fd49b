//! Pipelines whose source and sink are in memory.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use azud_connect::{Records, Sink, Source};
use azud_connector_memory::{MemorySource, records};
use azud_engine::{Control, Environment, Plan, RunOptions, Stop, check, manifest_connectors};
use azud_model::{ManualClock, Result};
use azud_sandbox::{Sandbox, Settings};

/// A plan whose sources are named `in` and whose sinks take `out`'s place.
pub(crate) fn plan(manifest: &str, source: Arc<dyn Source>, sink: Arc<dyn Sink>) -> Plan {
    let parsed = azud_manifest::parse("test.yaml", manifest, &manifest_connectors(), &|_| None);
    let environment = Environment {
        directory: ".".into(),
        sandbox: Sandbox::new(Settings::default()).unwrap(),
        clock: Arc::new(ManualClock::at(1_000)),
        find_plugin: &|_| Err("there is none".to_owned()),
    };
    let plan = check(&parsed.unwrap(), &environment);
    plan.unwrap()
        .with_source("in", source)
        .with_sink("out", sink)
}

/// Runs to the end.
pub(crate) fn run(plan: Plan) -> Result<()> {
    run_resetting(plan, &[])
}

/// The same; those nodes may start anew.
pub(crate) fn run_resetting(plan: Plan, nodes: &[&str]) -> Result<()> {
    let outcome = plan.run(RunOptions {
        control: Control::default(),
        allow_reset: nodes.iter().map(|&node| node.to_owned()).collect(),
        stop: Stop::default(),
        progress: Arc::new(AtomicU64::new(0)),
        on_epoch: Box::new(|_| {}),
    });
    outcome.map(|_| ())
}

/// One list an epoch, each cut into chunks of so many lines.
pub(crate) fn source(epochs: &[Vec<String>], chunk: usize) -> Arc<MemorySource> {
    let mut first = 1;
    let mut all = Vec::new();
    for epoch in epochs {
        let mut chunks: Vec<Records> = Vec::new();
        for lines in epoch.chunks(chunk.max(1)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            chunks.push(records("in", "p", first, &lines));
            first += lines.len() as u64;
        }
        all.push(chunks);
    }
    Arc::new(MemorySource::new(all))
}
