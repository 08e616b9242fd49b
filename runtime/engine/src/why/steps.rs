//! What the steps of a pipeline keep, as their own operators tell.

use std::collections::BTreeSet;

use azud_model::{Batch, Result, Watermark, iso_micros};
use azud_operators::{Collector, Held};
use azud_state::{Record, StateRecord, View};

use super::{WhyHeld, WhyNeed, WhyStep, known_time, length};
use crate::event_time::{TimeFrom, Watermarks, of_sources};
use crate::graph::Work;
use crate::plan::Plan;
use crate::recovery::{PlanState, states};

/// A step, and what is told of it.
pub(super) struct Step {
    /// The number of its node.
    pub(super) vertex_node: usize,
    pub(super) watermark: Watermark,
    pub(super) shown: WhyStep,
}

/// Takes what an operator emits that nobody runs.
struct Nowhere;

// === impl Plan ===

impl Plan {
    /// The steps with state among some vertices.
    pub(super) async fn steps(
        &self,
        among: &BTreeSet<usize>,
        record: &Record,
        known: &Watermarks,
        view: &View,
    ) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for state in states(self)? {
            let instance = self.topology.instances.get(state.instance);
            let Some(instance) = instance.filter(|it| among.contains(&it.vertex)) else {
                continue;
            };
            let Some(vertex) = self.vertices.get(instance.vertex) else {
                continue;
            };
            let before = record.states.iter();
            let mut before = before.filter(|of| of.node == state.node && of.step == state.step);
            let before = before.next();
            let watermark = of_sources(&state.sources, known).join(reached(before));
            let (held, unknown) = match before {
                None => (
                    Vec::new(),
                    Some("the checkpoint has nothing of it".to_owned()),
                ),
                Some(before) if before.shape != state.shape => {
                    let why = format!(
                        "the checkpoint has it of `{}`, and the manifest is another now",
                        before.shape.computes
                    );
                    (Vec::new(), Some(why))
                }
                Some(before) => {
                    let rows = view.state(before).await?;
                    match &vertex.work {
                        Work::Operator(make) => {
                            let mut operator = make(&instance.modes)?;
                            // As in a run: what it does by it is done to nothing.
                            operator.watermark(watermark, &mut Nowhere)?;
                            operator.restore(&rows)?;
                            let held = operator.held();
                            let rows: usize = rows.iter().map(|rows| rows.num_rows()).sum();
                            let unknown = held.is_empty().then(|| {
                                format!("it keeps {rows} rows, and until when is its own affair")
                            });
                            (held, unknown)
                        }
                        Work::Source(_) | Work::Sink(_) => continue,
                    }
                }
            };
            steps.push(Step {
                vertex_node: vertex.node,
                watermark,
                shown: self.shown(&state, watermark, &held, unknown, record),
            });
        }
        Ok(steps)
    }

    fn shown(
        &self,
        state: &PlanState,
        watermark: Watermark,
        held: &[Held],
        unknown: Option<String>,
        record: &Record,
    ) -> WhyStep {
        let next = held.iter().filter_map(|held| held.first).min();
        let missing = next.filter(|_| watermark.time > i64::MIN);
        let missing = missing.map(|next| next.saturating_sub(watermark.time));
        let needs = state.sources.iter().filter_map(|from| {
            let (row, partitions) = self.needs(*from, next?, record)?;
            let time = self.sources.get(from.source)?.time.as_ref()?;
            Some(WhyNeed {
                source: self.source_name(from.source).to_owned(),
                row: iso_micros(row),
                partitions,
                unless_idle: time.idle.is_some(),
            })
        });
        WhyStep {
            node: state.node.clone(),
            computes: state.shape.computes.clone(),
            watermark: known_time(watermark.time),
            held: held
                .iter()
                .filter(|held| held.rows > 0)
                .map(shown)
                .collect(),
            next: next.map(iso_micros),
            missing: missing.map(length),
            needs: needs.collect(),
            unknown,
        }
    }

    /// The time of a row that a source has to give until it allows this watermark, and which of
    /// its partitions each have to; `None` where it has, or has no event time.
    fn needs(&self, from: TimeFrom, watermark: i64, record: &Record) -> Option<(i64, Vec<String>)> {
        let time = self.sources.get(from.source)?.time.as_ref()?;
        let row = watermark
            .saturating_add(from.behind)
            .saturating_add(time.delay);
        let of = self.time_of(record, from.source);
        let open = of.into_iter().flat_map(|of| &of.partitions);
        let open: Vec<_> = open.filter(|open| !open.idle).collect();
        let is_behind = |latest: Option<i64>| latest.is_none_or(|latest| latest < row);
        let behind = open.iter().filter(|open| is_behind(open.latest));
        let behind: Vec<String> = behind.map(|open| open.partition.clone()).collect();
        let is_missing = match open.is_empty() {
            true => is_behind(of.and_then(|of| of.latest)),
            false => !behind.is_empty(),
        };
        is_missing.then_some((row, behind))
    }
}

fn shown(held: &Held) -> WhyHeld {
    WhyHeld {
        what: held.what.to_owned(),
        rows: held.rows,
        for_ever: held.for_ever,
        oldest: held.oldest.map(iso_micros),
        first: held.first.map(iso_micros),
        last: held.last.map(iso_micros),
        due: held.due.map(iso_micros),
    }
}

/// How far a step's event time had come.
fn reached(state: Option<&StateRecord>) -> Watermark {
    state.map_or(Watermark::NONE, |state| Watermark {
        time: state.watermark.unwrap_or(i64::MIN),
        closed: state.closed.unwrap_or(i64::MIN),
    })
}

// === impl Nowhere ===

impl Collector for Nowhere {
    fn emit(&mut self, _port: usize, _batch: Batch) -> Result<()> {
        Ok(())
    }

    fn late(&mut self, _rows: Batch) -> Result<()> {
        Ok(())
    }

    fn reject(&mut self, _batch: &Batch, _row: usize, _reason: String) -> Result<()> {
        Ok(())
    }
}
