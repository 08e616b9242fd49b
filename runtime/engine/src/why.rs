//! What a checkpoint says of why a node gives nothing yet: `azud why`.

mod steps;

use std::collections::BTreeSet;

use azud_model::{Error, Result, Watermark, iso_micros};
use azud_state::{Record, TimeRecord, View};
use serde::Serialize;

use crate::event_time::{SourceTimes, TimeFrom, Watermarks, of_sources};
use crate::graph::Work;
use crate::plan::Plan;

/// So often a checkpoint is looked at anew whose run has removed what was being read.
const LOOKS: usize = 3;

/// What a node waits for, as the newest record of a checkpoint has it. Times are ISO 8601.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The node.
    pub node: String,
    /// The epoch of the record.
    pub epoch: u64,
    /// When that ended.
    pub time: String,
    /// How far event time has come for the node; `None`: nowhere yet.
    pub watermark: Option<String>,
    /// What held a time up to this one was closed at the end of an input.
    pub closed: Option<String>,
    /// The sources whose watermark is the least, but for those that it has gone on without.
    pub held_back_by: Vec<String>,
    /// Every source above the node.
    pub sources: Vec<WhySource>,
    /// Every step with state from the sources to the node, in the order in which rows flow.
    pub steps: Vec<WhyStep>,
}

/// The event time of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhySource {
    /// Its name.
    pub source: String,
    /// The column that it goes by; `None`: it has no event time, and holds back nobody.
    pub column: Option<String>,
    /// So much later than the latest row one may come.
    pub delay: Option<String>,
    /// The latest event time that it has given; `None` before the first row.
    pub latest: Option<String>,
    /// Its watermark.
    pub watermark: Option<String>,
    /// So far behind its watermark rows may be when the node reads them, since a join kept them.
    pub behind: Option<String>,
    /// Whether the node's event time has gone on without it: it was idle.
    pub passed_over: bool,
    /// With trigger `continuous`: partitions that might give more, the slowest of them first, at
    /// most 16. The slowest one that is not idle holds back the source.
    pub partitions: Vec<WhyPartition>,
}

/// A partition of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyPartition {
    /// Its name.
    pub partition: String,
    /// The latest event time that it has given; `None` before its first row.
    pub latest: Option<String>,
    /// Whether it has been quiet for too long, and holds back nobody.
    pub idle: bool,
}

/// A step that keeps something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyStep {
    /// Its node.
    pub node: String,
    /// What it computes.
    pub computes: String,
    /// How far event time has come for it.
    pub watermark: Option<String>,
    /// What it keeps; empty where it has nothing yet.
    pub held: Vec<WhyHeld>,
    /// The watermark at which the first window closes, or the first row goes.
    pub next: Option<String>,
    /// So much event time is missing until then; `None` also where there is no watermark yet.
    pub missing: Option<String>,
    /// The sources that have to go on for that, and up to which time; none where the next epoch
    /// comes to it anyway.
    pub needs: Vec<WhyNeed>,
    /// Why nothing is known of what it keeps, if so.
    pub unknown: Option<String>,
}

/// Some of what a step keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyHeld {
    /// What it is: `rows of the left side`.
    pub what: String,
    /// How many.
    pub rows: u64,
    /// How many of them no watermark takes out.
    pub for_ever: u64,
    /// Where event time begins for them.
    pub oldest: Option<String>,
    /// The watermark at which the first of them goes.
    pub first: Option<String>,
    /// The watermark at which the last of them goes.
    pub last: Option<String>,
    /// When the next of them is due by the clock: at the end of the first epoch that ends then,
    /// or later.
    pub due: Option<String>,
}

/// What a source has to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyNeed {
    /// Its name.
    pub source: String,
    /// A row of this time, or later.
    pub row: String,
    /// With trigger `continuous`: the partitions that each have to give one, or to end.
    pub partitions: Vec<String>,
    /// Whether it is not waited for while it is idle.
    pub unless_idle: bool,
}

// === impl Plan ===

impl Plan {
    /// What a node waits for, by the newest record of the plan's checkpoint; changes nothing
    /// there, also while a run goes on over it. Holds the state of every step above the node.
    ///
    /// # Errors
    /// `Invalid` if there is no such node or checkpoint, or it cannot be read.
    pub fn why(&self, node: &str) -> Result<Why> {
        let Some(number) = self.nodes.iter().position(|known| *known.name == *node) else {
            let known = self.nodes.iter().map(|known| &*known.name);
            let guess = azud_manifest::did_you_mean(node, known.clone());
            let known: Vec<&str> = known.collect();
            return Err(Error::invalid(format!(
                "there is no node `{node}`{guess}: there are {}",
                known.join(", ")
            )));
        };
        let Some(checkpoint) = &self.checkpoint else {
            return Err(Error::invalid(
                "the manifest has no `checkpoint`: what a pipeline waits for is known by that",
            ));
        };
        let folder = checkpoint.location.folder();
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Error::invalid(format!(
                "there is no checkpoint `{}`: the pipeline has not run yet",
                checkpoint.location
            )));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::internal("cannot wait").because(error))?;
        let view = View::new(checkpoint.storage.clone());
        runtime.block_on(async {
            let mut looks = 1;
            loop {
                match self.look(number, &view).await {
                    Err(_) if looks < LOOKS => looks += 1,
                    outcome => return outcome,
                }
            }
        })
    }

    async fn look(&self, node: usize, view: &View) -> Result<Why> {
        let record = view.last().await?;
        let name = |node: usize| self.nodes.get(node).map_or("", |node| &node.name);
        if record.pipeline != self.name {
            return Err(Error::invalid(format!(
                "it is the checkpoint of the pipeline `{}`, and this one is `{}`",
                record.pipeline, self.name
            )));
        }
        let above = self.above(node);
        let from = self.times_of(node);
        let known = self.known(&record);
        let steps = self.steps(&above, &record, &known, view).await?;
        let least = of_sources(&from, &known);
        // What its own step has reached stays, also where an idle source is back.
        let own = steps.iter().filter(|step| step.vertex_node == node);
        let watermark = own.fold(least, |all, step| all.join(step.watermark));
        let sources = from
            .iter()
            .filter_map(|from| self.source(*from, &record, watermark));
        let timed = from.iter().filter_map(|from| {
            let own = (*known.get(from.source)?)?.behind(from.behind).time;
            Some((from.source, own))
        });
        let here: Vec<_> = timed.filter(|(_, own)| *own >= watermark.time).collect();
        let least = here.iter().map(|(_, own)| *own).min();
        let held_back_by = here.iter().filter(|(_, own)| Some(*own) == least);
        Ok(Why {
            node: name(node).to_owned(),
            epoch: record.epoch,
            time: iso_micros(record.time_ms.saturating_mul(1000)),
            watermark: known_time(watermark.time),
            closed: known_time(watermark.closed),
            held_back_by: held_back_by
                .map(|(source, _)| self.source_name(*source).to_owned())
                .collect(),
            sources: sources.collect(),
            steps: steps.into_iter().map(|step| step.shown).collect(),
        })
    }

    /// The vertices from the sources to a node, its own included.
    fn above(&self, node: usize) -> BTreeSet<usize> {
        let mut above = BTreeSet::new();
        // An edge goes from a lower vertex to a higher one.
        for (number, vertex) in self.vertices.iter().enumerate().rev() {
            if vertex.node == node || above.contains(&number) {
                above.insert(number);
                above.extend(vertex.inputs.iter().flatten().map(|from| from.vertex));
            }
        }
        above
    }

    /// The sources above a node, and how far behind them the rows may be that it reads.
    pub(crate) fn times_of(&self, node: usize) -> Vec<TimeFrom> {
        let is_own = |vertex: usize| {
            let vertex = self.vertices.get(vertex);
            vertex.is_some_and(|vertex| vertex.node == node)
        };
        let own = self.topology.instances.iter();
        let own = own.filter(|instance| is_own(instance.vertex));
        let mut found: Vec<TimeFrom> = Vec::new();
        for from in own.flat_map(|instance| &instance.sources) {
            match found.iter_mut().find(|known| known.source == from.source) {
                Some(known) => known.behind = known.behind.min(from.behind),
                None => found.push(*from),
            }
        }
        // A source itself is above nobody.
        for (number, vertex) in self.vertices.iter().enumerate() {
            if let (true, Work::Source(source)) = (is_own(number), &vertex.work)
                && !found.iter().any(|known| known.source == *source)
            {
                found.push(TimeFrom {
                    source: *source,
                    behind: 0,
                });
            }
        }
        found.sort_unstable();
        found
    }

    /// The recorded watermarks of the sources.
    fn known(&self, record: &Record) -> Watermarks {
        let all = self.sources.iter().enumerate().map(|(number, source)| {
            source.time.as_ref()?;
            let time = self.time_of(record, number);
            Some(time.map_or(Watermark::NONE, |time| SourceTimes::from(time).watermark))
        });
        let clock = Watermark {
            time: record.time_ms.saturating_mul(1_000),
            ..Watermark::NONE
        };
        all.chain([Some(clock)]).collect::<Vec<_>>().into()
    }

    fn source(&self, from: TimeFrom, record: &Record, node: Watermark) -> Option<WhySource> {
        let name = self.source_name(from.source);
        let time = self.sources.get(from.source)?.time.as_ref();
        let known = self.time_of(record, from.source);
        let own = known.map_or(Watermark::NONE, |known| SourceTimes::from(known).watermark);
        Some(WhySource {
            source: name.to_owned(),
            column: time.map(|time| time.column.clone()),
            delay: time.map(|time| length(time.delay)),
            latest: known.and_then(|known| known.latest).map(iso_micros),
            watermark: known_time(own.time),
            behind: (from.behind > 0).then(|| length(from.behind)),
            passed_over: time.is_some() && own.behind(from.behind).time < node.time,
            partitions: known.map_or_else(Vec::new, |known| {
                let partitions = known.partitions.iter();
                let partitions = partitions.map(|known| WhyPartition {
                    partition: known.partition.clone(),
                    latest: known.latest.map(iso_micros),
                    idle: known.idle,
                });
                partitions.collect()
            }),
        })
    }

    /// What is recorded of a source's event time, where it still is of the same column.
    fn time_of<'a>(&self, record: &'a Record, source: usize) -> Option<&'a TimeRecord> {
        let now = &self.sources.get(source)?.time.as_ref()?.column;
        let name = self.source_name(source);
        let known = record.times.iter().find(|time| time.node == name);
        known.filter(|known| known.column.as_ref().is_none_or(|then| then == now))
    }
}

/// A time, once there is one.
fn known_time(micros: i64) -> Option<String> {
    (micros > i64::MIN).then(|| iso_micros(micros))
}

/// A length of time as a manifest has it.
fn length(micros: i64) -> String {
    let millis = u64::try_from(micros).unwrap_or(0).div_ceil(1000);
    azud_model::Duration::from_millis(millis).to_string()
}
