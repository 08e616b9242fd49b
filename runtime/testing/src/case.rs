//! One test: from its rows to what is wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use azud_connector_memory::MemorySink;
use azud_engine::{
    Environment, LoadedPlugins, OutputShape, RunOptions, Stop, TestOutput, check_for_test,
};
use azud_manifest::{Manifest, Test, TestRows};
use azud_model::{ErrorKind, ManualClock, Mode};
use tokio::sync::watch;

use crate::cells::{self, Row};
use crate::columns::Columns;
use crate::compare::compare;
use crate::diff;
use crate::fault::Fault;
use crate::feed::Feed;
use crate::input;
use crate::suite::Setup;

/// 2026-01-01T00:00:00Z: when every test begins.
const START_MS: i64 = 1_767_225_600_000;

/// How much later each epoch is.
const EPOCH: Duration = Duration::from_secs(1);

/// What is expected of one node, and where its rows are.
struct Expectation<'a> {
    expected: &'a TestRows,
    mode: Mode,
    schema: SchemaRef,
    rows: Vec<Row>,
    /// Which columns are compared.
    compared: Vec<bool>,
    sink: MemorySink,
}

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
    let outcome = plan.run(RunOptions {
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

// === impl Expectation ===

impl<'a> Expectation<'a> {
    fn new(expected: &'a TestRows, shape: &OutputShape, sink: MemorySink) -> Result<Self, Fault> {
        let node = &expected.node;
        let columns = Columns::new(&shape.schema, None);
        let mut columns = columns.map_err(|error| Fault::new(node.span, error.to_string()))?;
        let rows = expected.rows.iter().enumerate().map(|(number, row)| {
            let batch = columns.read(row).map_err(|fault| {
                fault.within(&format!(
                    "expected rows of `{}`, row {}",
                    node.value,
                    number + 1
                ))
            })?;
            Ok(cells::row_of(&batch, &shape.schema))
        });
        let is_named = |column: &str| {
            let mut rows = expected.rows.iter();
            rows.any(|row| row.value.value.get(column).is_some())
        };
        // Where a rejected row comes from, and when, is nobody's business unless it is named.
        let is_rejected = node.value.ends_with(".rejected");
        let mut compared: Vec<bool> = shape
            .schema
            .fields()
            .iter()
            .map(|field| !is_rejected || is_named(field.name()))
            .collect();
        if is_rejected && expected.rows.is_empty() {
            let worth = ["position", "reason"];
            let fields = shape.schema.fields().iter();
            compared = fields
                .map(|field| worth.contains(&field.name().as_str()))
                .collect();
        }
        Ok(Self {
            expected,
            mode: shape.mode,
            schema: shape.schema.clone(),
            rows: rows.collect::<Result<_, _>>()?,
            compared,
            sink,
        })
    }

    /// What is wrong with the rows that came.
    fn wrong(self) -> Option<String> {
        let committed = self.sink.committed();
        let epochs = match self.mode {
            // The last epoch's rows are the whole result.
            Mode::Complete => committed.get(committed.len().saturating_sub(1)..),
            Mode::Append | Mode::Update => Some(committed.as_slice()),
        };
        let batches = epochs.unwrap_or_default().iter();
        let batches = batches.flat_map(|epoch| &epoch.batches);
        let actual: Vec<Row> = batches
            .flat_map(|batch| cells::rows(batch.columns()))
            .collect();
        let columns: Row = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let only = |row: Row| -> Row {
            let cells = row.into_iter().zip(&self.compared);
            cells
                .filter_map(|(cell, compared)| compared.then_some(cell))
                .collect()
        };
        let expected = self.rows.into_iter().map(only).collect();
        let difference = compare(expected, actual.into_iter().map(only).collect());
        if difference.missing.is_empty() && difference.extra.is_empty() {
            return None;
        }
        let node = &self.expected.node.value;
        let node = match self.mode {
            Mode::Append => node.clone(),
            Mode::Update => format!("{node} (update)"),
            Mode::Complete => format!("{node} (complete)"),
        };
        Some(diff::draw(&node, &only(columns), &difference))
    }
}
