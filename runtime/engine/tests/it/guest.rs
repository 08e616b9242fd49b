//! A pipeline through the guest `picky`: a hundred by `n`, and a failure of every
//! sort that a row can cause.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_connect::Source;
use azud_connector_memory::MemorySink;
use azud_engine::{Environment, Plan, check, manifest_connectors};
use azud_model::{Clock, Result, SystemClock};
use azud_sandbox::{Sandbox, Settings};
use serde_json::Value;

use crate::support::{run, source};

const MANIFEST: &str = "
name: picky
trigger: once
parallelism: 1
sources:
  in: { file: { path: . }, format: json, schema: { n: bigint } }
transforms:
  parts: { from: in, plugin: picky }
sinks:
  out: { from: parts, blackhole: {} }
  bad: { from: parts.rejected, blackhole: {} }
plugins:
  picky: { source: . }
";

/// What came of the numbers.
pub(crate) struct Ended {
    pub(crate) outcome: Result<()>,
    /// The numbers that passed, in order.
    pub(crate) passed: Vec<i64>,
    /// Position, reason and plugin of the others.
    pub(crate) rejected: Vec<(u64, String, String)>,
    /// How long the run took; the plugin was compiled before.
    pub(crate) seconds: f64,
}

/// The component, built when it is out of date.
pub(crate) fn picky() -> PathBuf {
    guest("picky")
}

/// The component of a guest in `tests/guests`, built when it is out of date.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    // Not the folder of the build that runs this test: it would wait for itself.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    azud_build::Builder::new()
        .target_dir(target)
        .build(&guests.join(name))
        .unwrap()
}

/// Runs batches of numbers through it; `option` is more of the plugin's entry.
pub(crate) fn run_batches(batches: &[Vec<i64>], option: &str) -> Ended {
    let epochs: Vec<Vec<String>> = batches.iter().map(|batch| lines(batch)).collect();
    let chunk = batches.iter().map(Vec::len).max().unwrap_or_default();
    run_source(source(&epochs, chunk), option)
}

/// The records of numbers.
pub(crate) fn lines(numbers: &[i64]) -> Vec<String> {
    numbers.iter().map(|n| format!(r#"{{"n":{n}}}"#)).collect()
}

pub(crate) fn run_source(source: Arc<dyn Source>, option: &str) -> Ended {
    let (out, bad) = (MemorySink::default(), MemorySink::default());
    let plan = plan(option)
        .with_source("in", source)
        .with_sink("out", Arc::new(out.clone()))
        .with_sink("bad", Arc::new(bad.clone()));
    let clock = SystemClock::new();
    let outcome = run(plan);
    let seconds = clock.elapsed().as_secs_f64();
    let rows = |sink: &MemorySink| -> Vec<Value> {
        let rows = sink.rows();
        rows.iter()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect()
    };
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    let passed = rows(&out)
        .iter()
        .map(|row| row["n"].as_i64().unwrap())
        .collect();
    let rejected = rows(&bad)
        .iter()
        .map(|row| {
            let position = text(row, "position").parse().unwrap();
            (position, text(row, "reason"), text(row, "plugin"))
        })
        .collect();
    Ended {
        outcome,
        passed,
        rejected,
        seconds,
    }
}

fn plan(option: &str) -> Plan {
    let manifest = MANIFEST.replace("source: .", &format!("source: . {option}"));
    let parsed = azud_manifest::parse("test.yaml", &manifest, &manifest_connectors(), &|_| None);
    let component = picky();
    let environment = Environment {
        directory: ".".into(),
        sandbox: Sandbox::new(Settings::default()).unwrap(),
        // Of real time, as the guest's deadlines are.
        clock: Arc::new(SystemClock::new()),
        find_plugin: &|_| Ok(component.clone()),
    };
    check(&parsed.unwrap(), &environment).unwrap()
}
