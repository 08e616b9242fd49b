//! Leads a run through the steps of a test: moves the clock, and says when sources give what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_engine::{EpochReport, Stop, TimeReport};
use azud_manifest::TestStep;
use azud_model::{Clock, ManualClock};
use tokio::sync::watch;

use crate::feed::{Give, Turn};

/// How much later each step is.
const STEP: Duration = Duration::from_secs(1);

/// What has happened in a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    /// Which of `input`; `None`: the end of all input.
    pub(crate) step: Option<usize>,
    /// The clock's time, milliseconds since 1970.
    pub(crate) clock_ms: i64,
    /// The epochs that belong to it.
    pub(crate) epochs: Vec<u64>,
    /// The event time of sources, after it.
    pub(crate) times: Vec<TimeReport>,
    /// Late rows of nodes, as `<node>.late`, and rejected ones, where there are some.
    pub(crate) aside: Vec<(String, u64)>,
}

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    steps: Arc<Mutex<Vec<Happened>>>,
}

/// Leads one run: up to a restart, or to the end.
pub(crate) struct Driver {
    clock: Arc<ManualClock>,
    /// Before which steps there is a restart, and how much later than usual they are.
    steps: Vec<(bool, Duration)>,
    log: Log,
    turns: watch::Sender<Turn>,
    stop: Stop,
    /// `None`: the run ends.
    step: Option<usize>,
}

// === impl Log ===

impl Log {
    pub(crate) fn steps(&self) -> Vec<Happened> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Happened>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Happened ===

impl Happened {
    fn add(&mut self, report: &EpochReport) {
        self.epochs.push(report.batch_id);
        self.times.clone_from(&report.times);
        for node in &report.nodes {
            for (output, rows) in [("late", node.late), ("rejected", node.rejected)] {
                let name = format!("{}.{output}", node.name);
                match self.aside.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known += rows,
                    None if rows > 0 => self.aside.push((name, rows)),
                    None => {}
                }
            }
        }
    }
}

// === impl Driver ===

impl Driver {
    /// Begins the step `first`; `stop` ends the run where a restart is next.
    pub(crate) fn new(
        steps: &[TestStep],
        first: usize,
        clock: Arc<ManualClock>,
        log: Log,
        stop: Stop,
    ) -> Self {
        let steps = steps.iter().map(|step| {
            let advance = step.advance.as_ref();
            let advance = advance.map_or(Duration::ZERO, |advance| advance.value.into());
            (step.restart.is_some(), advance)
        });
        let turn = Turn {
            number: 0,
            give: Give::Step(first),
        };
        let mut driver = Self {
            clock,
            steps: steps.collect(),
            log,
            turns: watch::Sender::new(turn),
            stop,
            step: None,
        };
        driver.begin(Some(first));
        driver
    }

    /// Where sources see when it is their turn.
    pub(crate) fn turns(&self) -> watch::Receiver<Turn> {
        self.turns.subscribe()
    }

    /// An epoch is committed: the step goes on if event time has moved, as a run does that has
    /// nothing to read; else the next one begins.
    pub(crate) fn epoch(&mut self, report: &EpochReport) {
        if let Some(happened) = self.log.lock().last_mut()
            && (self.step.is_some() || happened.step.is_none())
        {
            happened.add(report);
        }
        let Some(step) = self.step else {
            return;
        };
        let give = match self.steps.get(step + 1) {
            _ if report.time_moves => Give::Nothing,
            None => {
                self.begin(None);
                Give::End
            }
            Some((true, _)) => {
                // Windows stay open: the input has not ended.
                self.step = None;
                self.stop.request();
                return;
            }
            Some((false, _)) => {
                self.begin(Some(step + 1));
                Give::Step(step + 1)
            }
        };
        self.turns.send_modify(|turn| {
            *turn = Turn {
                number: turn.number + 1,
                give,
            };
        });
    }

    fn begin(&mut self, step: Option<usize>) {
        self.step = step;
        if step != Some(0) {
            self.clock.advance(STEP);
        }
        if let Some((_, advance)) = step.and_then(|step| self.steps.get(step)) {
            self.clock.advance(*advance);
        }
        self.log.lock().push(Happened {
            step,
            clock_ms: self.clock.wall_ms(),
            ..Happened::default()
        });
    }
}
