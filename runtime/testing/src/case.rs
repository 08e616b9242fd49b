//! One test: from its rows to what is wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use azud_connect::Records;
use azud_connector_memory::MemorySink;
use azud_engine::{
    Control, Environment, LoadedPlugins, RunOptions, SourceShape, Stop, TestCheckpoint, TestOutput,
    TestPlan, check_for_test,
};
use azud_manifest::{Manifest, Test, TestRows};
use azud_model::{Error, ErrorKind, ManualClock};
use indexmap::IndexMap;
use serde_json::Value;

use crate::driver::{Driver, Log};
use crate::expectation::{Expectation, Output};
use crate::fault::Fault;
use crate::feed::{Feed, Steps, TableFeed};
use crate::input;
use crate::suite::Setup;
use crate::timeline::{self, Line};

/// The rows of each table, for the steps that name it.
type Tables = BTreeMap<String, Arc<Vec<Option<VecDeque<Records>>>>>;

/// 2026-01-01T00:00:00Z: when every test begins.
const START_MS: i64 = 1_767_225_600_000;

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

/// How a test went.
pub(crate) struct Ran {
    /// Why it failed, if it did: lines, each with its line end.
    pub(crate) failure: Option<String>,
    /// What happened, step by step, for programs.
    pub(crate) timeline: Vec<Value>,
}

/// A test that is about to run, or has run.
struct Case<'a> {
    manifest: &'a Manifest,
    test: &'a Test,
    environment: Environment<'a>,
    clock: Arc<ManualClock>,
    /// Every node that something is expected of, as it is first named.
    nodes: IndexMap<&'a str, &'a TestRows>,
    sinks: Vec<MemorySink>,
    /// Where a test with restarts records epochs.
    checkpoint: Option<TestCheckpoint>,
    log: Log,
}

/// Runs a test.
pub(crate) fn run(
    manifest: &Manifest,
    test: &Test,
    setup: &Setup<'_>,
    loaded: &mut LoadedPlugins,
) -> Ran {
    let ran = Case::new(manifest, test, setup).run(loaded);
    ran.unwrap_or_else(|failure| Ran {
        failure: Some(failure),
        timeline: Vec::new(),
    })
}

// === impl Case ===

impl<'a> Case<'a> {
    fn new(manifest: &'a Manifest, test: &'a Test, setup: &Setup<'a>) -> Self {
        let mut nodes = IndexMap::new();
        let steps = test.input.iter().flat_map(|step| step.expect.values());
        for rows in test.expect.values().chain(steps) {
            nodes.entry(rows.node.value.as_str()).or_insert(rows);
        }
        let clock = clock();
        let restarts = test.input.iter().any(|step| step.restart.is_some());
        Self {
            manifest,
            test,
            environment: environment(setup, clock.clone()),
            clock,
            sinks: nodes.iter().map(|_| MemorySink::default()).collect(),
            nodes,
            checkpoint: restarts.then(TestCheckpoint::default),
            log: Log::default(),
        }
    }

    /// # Errors
    /// What is wrong with the test itself: lines, each with its line end.
    fn run(&self, loaded: &mut LoadedPlugins) -> Result<Ran, String> {
        let draw = |fault: Fault| format!("{}\n", fault.draw(self.manifest));
        let planned = self.plan(loaded)?;
        let outputs = self.nodes.keys().zip(&planned.outputs).zip(&self.sinks);
        let outputs: Vec<_> = outputs
            .map(|((node, shape), sink)| Output {
                node: (*node).to_owned(),
                shape: shape.clone(),
                sink: sink.clone(),
            })
            .collect();
        let expect = |of: &IndexMap<String, TestRows>| {
            let found = of.values().filter_map(|rows| {
                let output = self.nodes.get_index_of(rows.node.value.as_str())?;
                Some((rows, outputs.get(output)?))
            });
            let read = found.map(|(rows, output)| Expectation::new(rows, output));
            read.collect::<Result<Vec<_>, _>>()
        };
        let whole = expect(&self.test.expect).map_err(draw)?;
        let steps = self.test.input.iter().map(|step| expect(&step.expect));
        let steps = steps.collect::<Result<Vec<_>, _>>().map_err(draw)?;
        let rows = self.rows(&planned.sources).map_err(draw)?;
        let tables = self.tables(&planned.tables).map_err(draw)?;

        let restarts = self.test.input.iter().enumerate();
        let restarts = restarts.filter(|(_, step)| step.restart.is_some());
        let mut outcome = self.until_restart(planned, 0, &rows, &tables);
        for (first, _) in restarts {
            if outcome.is_ok() {
                outcome = self.until_restart(self.plan(loaded)?, first, &rows, &tables);
            }
        }

        let stopped = outcome.err();
        let happened = self.log.steps().into_iter();
        let mut lines: Vec<_> = happened
            .filter_map(|happened| {
                let own = happened.step.and_then(|step| steps.get(step));
                let own = own.filter(|_| !happened.epochs.is_empty());
                let wrong = own.into_iter().flatten();
                let wrong = wrong.map(|one| one.wrong(Some(&happened.epochs)));
                let diff = wrong.collect();
                Line::new(happened, &self.test.input, &outputs, diff)
            })
            .collect();
        let mut failure = match &stopped {
            Some(error) => told(error),
            None => whole.iter().map(|one| one.wrong(None)).collect(),
        };
        if let (Some(_), Some(last)) = (&stopped, lines.last_mut()) {
            last.stopped = true;
        }
        let failed = !failure.is_empty() || lines.iter().any(|line| !line.diff.is_empty());
        if failed && self.has_steps() {
            failure.insert_str(0, &timeline::draw(&lines));
        }
        Ok(Ran {
            failure: failed.then_some(failure),
            timeline: lines.iter().map(Line::json).collect(),
        })
    }

    /// A plan of the manifest, which goes on with what the one before has recorded.
    fn plan(&self, loaded: &mut LoadedPlugins) -> Result<TestPlan, String> {
        let outputs = self.nodes.iter().zip(&self.sinks);
        let outputs = outputs.map(|((node, rows), sink)| TestOutput {
            node: (*node).to_owned(),
            mode: self.test.mode.as_ref().map(|mode| mode.value),
            span: rows.node.span,
            sink: Arc::new(sink.clone()),
        });
        let checkpoint = self.checkpoint.as_ref();
        let outputs = outputs.collect();
        check_for_test(
            self.manifest,
            &self.environment,
            loaded,
            outputs,
            checkpoint,
        )
        .map_err(|report| format!("{report}\n"))
    }

    /// What each source gives, by its name.
    fn rows(
        &self,
        sources: &BTreeMap<String, SourceShape>,
    ) -> Result<BTreeMap<String, Arc<Steps>>, Fault> {
        let mut all = BTreeMap::new();
        for (name, shape) in sources {
            let own = self
                .test
                .input
                .iter()
                .map(|step| match step.rows.get(name) {
                    Some(rows) => rows.rows.as_slice(),
                    None => &[],
                });
            let steps = input::steps(name, shape, &own.collect::<Vec<_>>())?;
            all.insert(name.clone(), Arc::new(steps));
        }
        Ok(all)
    }

    /// The rows of each table by its name, for the steps that name it.
    fn tables(&self, tables: &BTreeMap<String, SourceShape>) -> Result<Tables, Fault> {
        let rows = self.rows(tables)?.into_iter();
        let named = rows.map(|(name, steps)| {
            let given = self.test.input.iter().zip(steps.iter());
            let given = given.map(|(step, rows)| step.rows.get(&name).map(|_| rows.clone()));
            let given = Arc::new(given.collect());
            (name, given)
        });
        Ok(named.collect())
    }

    /// Runs from a step to the next restart, or to the end.
    fn until_restart(
        &self,
        planned: TestPlan,
        first: usize,
        rows: &BTreeMap<String, Arc<Steps>>,
        tables: &Tables,
    ) -> azud_model::Result<()> {
        let mut plan = planned.plan;
        let stop = Stop::default();
        let (clock, log) = (self.clock.clone(), self.log.clone());
        let mut driver = Driver::new(&self.test.input, first, clock, log, stop.clone());
        for (name, shape) in &planned.sources {
            let steps = rows.get(name).cloned().unwrap_or_default();
            let feed = Feed::new(name, shape.schema.clone(), steps, driver.turns());
            plan = plan.with_source(name, Arc::new(feed));
        }
        for (name, shape) in &planned.tables {
            let steps = tables.get(name).cloned().unwrap_or_default();
            let feed = TableFeed::new(shape.schema.clone(), steps, driver.turns());
            plan = plan.with_source(name, Arc::new(feed));
        }
        let outcome = plan.run(RunOptions {
            control: Control::default(),
            allow_reset: Vec::new(),
            stop,
            progress: Arc::new(AtomicU64::new(0)),
            on_epoch: Box::new(move |report| driver.epoch(report)),
        });
        outcome.map(drop)
    }

    /// Whether there is more to see than one epoch.
    fn has_steps(&self) -> bool {
        let is_more = |step: &azud_manifest::TestStep| {
            step.restart.is_some() || step.advance.is_some() || !step.expect.is_empty()
        };
        self.test.input.len() > 1 || self.test.input.iter().any(is_more)
    }
}

fn told(error: &Error) -> String {
    let hint = match error.kind() {
        ErrorKind::Data => "; or expect the row, under `<node>.rejected`",
        _ => "",
    };
    format!("the run stopped: {error}{hint}\n")
}
