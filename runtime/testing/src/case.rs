//! One test: from its rows to what is wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use azud_connector_memory::MemorySink;
use azud_engine::{Environment, LoadedPlugins, RunOptions, Stop, TestOutput, check_for_test};
use azud_manifest::{Manifest, Test};
use azud_model::{ErrorKind, ManualClock};
use tokio::sync::watch;

use crate::expectation::Expectation;
use crate::fault::Fault;
use crate::feed::{Feed, TableFeed};
use crate::input;
use crate::suite::Setup;

/// 2026-01-01T00:00:00Z: when every test begins.
const START_MS: i64 = 1_767_225_600_000;

/// How much later each epoch is.
const EPOCH: Duration = Duration::from_secs(1);

/// What a test is run with.
pub(crate) fn environment<'a>(setup: &Setup<'a>, clock: Arc<ManualClock>) -> Environment<'a> {
    Environment {
        directory: setup.directory.clone(),
        sandbox: setup.sandbox.clone(),
        clock,
        find_plugin: setup.find_plugin,
    }
}

/// A clock that stands at the beginning of a test.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(START_MS))
}

/// Runs a test; answers why it fails, if it does: lines, each with its line end.
pub(crate) fn run(
    manifest: &Manifest,
    test: &Test,
    setup: &Setup<'_>,
    loaded: &mut LoadedPlugins,
) -> Result<(), String> {
    let clock = clock();
    let environment = environment(setup, clock.clone());
    let sinks: Vec<MemorySink> = test.expect.iter().map(|_| MemorySink::default()).collect();
    let outputs = test.expect.values().zip(&sinks);
    let outputs = outputs.map(|(rows, sink)| TestOutput {
        node: rows.node.value.clone(),
        mode: test.mode.as_ref().map(|mode| mode.value),
        span: rows.node.span,
        sink: Arc::new(sink.clone()),
    });
    let planned = check_for_test(manifest, &environment, loaded, outputs.collect())
        .map_err(|report| format!("{report}\n"))?;
    let draw = |fault: Fault| format!("{}\n", fault.draw(manifest));
    let expectations = test.expect.values().zip(&planned.outputs).zip(sinks);
    let expectations = expectations
        .map(|((expected, shape), sink)| Expectation::new(expected, shape, sink))
        .collect::<Result<Vec<_>, _>>()
        .map_err(draw)?;

    let (commits, committed) = watch::channel(0);
    let mut plan = planned.plan;
    for (name, shape) in &planned.sources {
        let of_source = test.input.iter().map(|epoch| match epoch.get(name) {
            Some(rows) => rows.rows.as_slice(),
            None => &[],
        });
        let epochs = input::epochs(name, shape, &of_source.collect::<Vec<_>>()).map_err(draw)?;
        let feed = Feed::new(shape.schema.clone(), epochs, committed.clone());
        plan = plan.with_source(name, Arc::new(feed));
    }
    for (name, shape) in &planned.tables {
        let given = test.input.iter().map(|epoch| epoch.get(name));
        let given: Vec<_> = given.collect();
        let of_table = given.iter().map(|rows| match rows {
            Some(rows) => rows.rows.as_slice(),
            None => &[],
        });
        let epochs = input::epochs(name, shape, &of_table.collect::<Vec<_>>()).map_err(draw)?;
        let epochs = epochs.into_iter().zip(given);
        let epochs = epochs.map(|(rows, given)| given.map(|_| rows)).collect();
        let feed = TableFeed::new(shape.schema.clone(), epochs, committed.clone());
        plan = plan.with_source(name, Arc::new(feed));
    }
    let outcome = plan.run(RunOptions {
        allow_reset: Vec::new(),
        stop: Stop::default(),
        progress: Arc::new(AtomicU64::new(0)),
        on_epoch: Box::new(move |_| {
            clock.advance(EPOCH);
            commits.send_modify(|commits| *commits += 1);
        }),
    });
    if let Err(error) = outcome {
        let hint = match error.kind() {
            ErrorKind::Data => "; or expect the row, under `<node>.rejected`",
            _ => "",
        };
        return Err(format!("the run stopped: {error}{hint}\n"));
    }
    let wrong: String = expectations
        .into_iter()
        .filter_map(Expectation::wrong)
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong),
    }
}
