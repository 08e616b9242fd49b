//! What of a record fits a plan: everything that does not is named.

use azud_model::{Error, Result};
use azud_state::{Location, Record, Shape, SinkRecord, SourceRecord, StateRecord, View};

use super::handover::{Handover, Predecessor};
use super::states::{PlanState, place, states};
use crate::plan::{Encode, Plan, PlanSource};

/// What becomes of a node when a pipeline goes on with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFit {
    /// The node's name.
    pub node: String,
    /// What becomes of it.
    pub fit: Fit,
}

/// What becomes of what is recorded of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It goes on where it was.
    Kept,
    /// It goes on where it was, but is another one in this respect.
    Changed(String),
    /// It was not there before, and starts empty.
    New,
    /// It cannot go on, for this reason: `--allow-reset` lets it start anew.
    Lost(String),
}

// === impl Plan ===

impl Plan {
    /// What becomes of every node when it goes on with a checkpoint; changes nothing there.
    ///
    /// # Errors
    /// `Invalid` if there is no checkpoint, or it cannot be read.
    pub fn against(&self, location: &Location) -> Result<Vec<NodeFit>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::internal("cannot wait").because(error))?;
        runtime.block_on(async {
            let storage = location.storage()?;
            let view = View::new(storage.clone());
            let record = view.whole(&view.last().await?).await?;
            if record.pipeline != self.name {
                return Err(Error::invalid(format!(
                    "`{location}` is the checkpoint of the pipeline `{}`, and this one is `{}`: name \
                     another folder, or give the pipeline its old name",
                    record.pipeline, self.name
                )));
            }
            let storage = storage.as_ref();
            let committed = azud_state::is_committed(storage, record.epoch).await?;
            let handover = Handover::find(self, storage, &record, committed).await;
            fit(self, &record, committed, &handover)
        })
    }

    /// The same with a record whose rows all sinks have shown.
    pub(crate) fn fits(&self, record: &Record) -> Result<Vec<NodeFit>> {
        fit(self, record, true, &Handover::default())
    }
}

/// Every node of the plan and the record; `committed`: whether all sinks have what is recorded.
pub(super) fn fit(
    plan: &Plan,
    record: &Record,
    committed: bool,
    handover: &Handover,
) -> Result<Vec<NodeFit>> {
    let mut found = Vec::new();
    sources(plan, record, &mut found);
    transforms(plan, record, &mut found)?;
    sinks(plan, record, committed, handover, &mut found);
    Ok(found)
}

/// Nodes that cannot go on and why, and what lets them begin anew.
pub(crate) fn told_lost(lost: &[(&String, &String)]) -> String {
    let whys = lost
        .iter()
        .map(|(node, why)| format!("node `{node}`: {why}"));
    let flags = lost.iter().map(|(node, _)| format!("--allow-reset {node}"));
    format!(
        "{}; to go on without what was kept: {}",
        whys.collect::<Vec<_>>().join("; "),
        flags.collect::<Vec<_>>().join(" ")
    )
}

fn sources(plan: &Plan, record: &Record, found: &mut Vec<NodeFit>) {
    for (number, source) in plan.sources.iter().enumerate() {
        let node = plan.source_name(number).to_owned();
        let before = record.sources.iter().find(|before| before.node == node);
        let fit = match (source_fit(source, before), other_time(plan, number, record)) {
            (Fit::Lost(why), _) | (_, Some(why)) => Fit::Lost(why),
            (fit, None) => fit,
        };
        found.push(NodeFit { node, fit });
    }
    for table in &plan.tables {
        let node = table.rows.name().to_owned();
        let before = record.sources.iter().find(|before| before.node == node);
        let fit = match before.is_some_and(|before| !before.positions.is_empty()) {
            true => Fit::Lost("it is static now: where it was as a stream would be lost".into()),
            false => Fit::Kept,
        };
        found.push(NodeFit { node, fit });
    }
    let is_table = |name: &str| plan.tables.iter().any(|table| table.rows.name() == name);
    for before in &record.sources {
        if is_table(&before.node) {
            continue;
        }
        if plan.source_number(&before.node).is_none() && !before.positions.is_empty() {
            found.push(NodeFit {
                node: before.node.clone(),
                fit: Fit::Lost("it is in the manifest no more: where it was would be lost".into()),
            });
        }
    }
}

/// What becomes of a source's positions.
fn source_fit(source: &PlanSource, before: Option<&SourceRecord>) -> Fit {
    match before {
        None => Fit::New,
        // What is read from now on knows nothing of it.
        Some(before) if source.journal.is_none() && is_journaled(before) => {
            Fit::Lost("it has a journal no more: what that still has would be lost".to_owned())
        }
        Some(before) if before.connector == source.connector => Fit::Kept,
        Some(before) => Fit::Lost(format!(
            "it reads `{}`, and its positions are those of `{}`: it would read from the start",
            source.connector, before.connector
        )),
    }
}

/// Why the recorded event time of a source is not that of the plan.
fn other_time(plan: &Plan, source: usize, record: &Record) -> Option<String> {
    let now = &plan.sources.get(source)?.time.as_ref()?.column;
    let name = plan.source_name(source);
    let before = record.times.iter().find(|before| before.node == name)?;
    let then = before.column.as_ref().filter(|then| *then != now)?;
    let came = before.latest.or(before.watermark).or(before.closed);
    came.map(|_| {
        format!(
            "its event time is `{now}`, and its watermark is that of `{then}`: it would begin anew"
        )
    })
}

/// The sources whose event time begins anew, by number: it was that of another column.
pub(super) fn anew(plan: &Plan, record: &Record) -> Vec<usize> {
    let sources = 0..plan.sources.len();
    let other = |source: &usize| other_time(plan, *source, record).is_some();
    sources.filter(other).collect()
}

/// Whether a source goes on where it was, whatever becomes of its event time.
pub(super) fn keeps_positions(plan: &Plan, source: usize, record: &Record) -> bool {
    let name = plan.source_name(source);
    let before = record.sources.iter().find(|before| before.node == name);
    let source = plan.sources.get(source);
    source.is_some_and(|source| !matches!(source_fit(source, before), Fit::Lost(_)))
}

fn is_journaled(source: &SourceRecord) -> bool {
    let mut positions = source.positions.iter();
    let is_journal = |partition: &str| {
        let number = partition.strip_prefix("journal-");
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    !source.positions.is_empty() && positions.all(|position| is_journal(&position.partition))
}

fn transforms(plan: &Plan, record: &Record, found: &mut Vec<NodeFit>) -> Result<()> {
    let states = states(plan)?;
    let anew = anew(plan, record);
    for (number, node) in plan.nodes.iter().enumerate() {
        let is_source = plan.source_number(&node.name).is_some();
        let is_sink = plan.sink_number(&node.name).is_some();
        let is_table = plan
            .tables
            .iter()
            .any(|table| table.rows.name() == &*node.name);
        if is_source || is_sink || is_table {
            continue;
        }
        let own: Vec<&PlanState> = states
            .iter()
            .filter(|state| *state.node == *node.name)
            .collect();
        let before = record
            .states
            .iter()
            .filter(|state| *state.node == *node.name);
        let before: Vec<&StateRecord> = before.collect();
        let fit = match (own.is_empty(), before.is_empty()) {
            (true, true) => version_fit(plan, number, record),
            (false, true) => Fit::New,
            _ => match state_fit(&own, &before) {
                Fit::Lost(why) => Fit::Lost(why + &conversion(plan, number, &own, &before)),
                fit => match (times_fit(plan, &own, &before, &anew), fit) {
                    (Fit::Kept, Fit::Kept) => version_fit(plan, number, record),
                    (Fit::Kept, converted) => converted,
                    (lost, _) => lost,
                },
            },
        };
        found.push(NodeFit {
            node: node.name.to_string(),
            fit,
        });
    }
    for before in &record.states {
        let known = plan.nodes.iter().any(|node| *node.name == *before.node);
        if !known && before.step == 0 {
            found.push(NodeFit {
                node: before.node.clone(),
                fit: Fit::Lost("it is in the manifest no more: its state would be lost".into()),
            });
        }
    }
    Ok(())
}

/// Whether a node has other versions of its plugins than the record.
fn version_fit(plan: &Plan, node: usize, record: &Record) -> Fit {
    let own = plan.nodes.get(node).zip(plan.digest(node));
    let own = own.map(|(node, digest)| (node.name.to_string(), digest));
    // Those that a query calls have names of their own.
    let called = plan.replaceable.iter().filter(|one| one.node == node);
    let called = called.map(|one| (one.name.to_string(), one.replaceable.digest()));
    let changed = own.into_iter().chain(called).find_map(|(name, now)| {
        let before = record.plugins.get(&name).filter(|before| **before != now)?;
        Some(another_version(before, &now))
    });
    changed.map_or(Fit::Kept, Fit::Changed)
}

/// Which of the earlier versions that a step converts has left its state; `None` if there is
/// nothing to convert.
pub(super) fn former(own: &PlanState, before: &StateRecord) -> Option<usize> {
    let mut formers = own.formers.iter();
    let found = formers.position(|former| *former == before.shape);
    found.filter(|_| own.shape != before.shape)
}

fn state_fit(own: &[&PlanState], before: &[&StateRecord]) -> Fit {
    let words = |computes: Vec<&str>| match computes.is_empty() {
        true => "nothing".to_owned(),
        false => format!("`{}`", computes.join("; ")),
    };
    let same = own.len() == before.len()
        && own
            .iter()
            .zip(before)
            .all(|(own, before)| own.shape == before.shape);
    if same {
        return Fit::Kept;
    }
    let now = words(
        own.iter()
            .map(|state| state.shape.computes.as_str())
            .collect(),
    );
    let then = words(
        before
            .iter()
            .map(|state| state.shape.computes.as_str())
            .collect(),
    );
    let is_former = |(own, before): (&&PlanState, &&StateRecord)| {
        own.shape == before.shape || former(own, before).is_some()
    };
    if own.len() == before.len() && own.iter().zip(before).all(is_former) {
        return Fit::Changed(format!("its states are converted: {then} to {now}"));
    }
    Fit::Lost(match now == then {
        true => format!("its state has other types of columns for {now}"),
        false => format!("it computes {now}, and its state is that of {then}"),
    })
}

/// How a version of a node's plugin could go on with states that do not fit; empty where none
/// could: they are of other keys, or no plugin keeps them.
fn conversion(plan: &Plan, node: usize, own: &[&PlanState], before: &[&StateRecord]) -> String {
    let keys = |shape: &Shape| {
        // The key group and the order come before them.
        let columns = shape.columns.get(..shape.keys + 2);
        columns.map(<[String]>::to_vec)
    };
    let steps = own.iter().zip(before);
    let has_keys = own.len() == before.len()
        && steps
            .map(|(own, before)| (&own.shape, &before.shape))
            .all(|(own, before)| keys(own) == keys(before));
    let mut called = plan.replaceable.iter();
    let interface = match plan.digest(node) {
        Some(_) => "migration",
        None if called.any(|one| one.node == node) => "aggregate-migration",
        None => return String::new(),
    };
    match has_keys {
        true => format!(
            "; a version of its plugin that exports `azud:plugin/{interface}` can convert what one \
             before it has kept"
        ),
        false => String::new(),
    }
}

/// What has forgotten rows by a watermark cannot go on with one that begins anew: what it has
/// closed would be open again.
fn times_fit(plan: &Plan, own: &[&PlanState], before: &[&StateRecord], anew: &[usize]) -> Fit {
    let steps = own.iter().zip(before);
    let mut closed = steps.filter(|(_, before)| before.forgotten_below.is_some());
    let source = closed.find_map(|(own, _)| {
        let mut sources = own.sources.iter().map(|from| from.source);
        sources.find(|source| anew.contains(source))
    });
    source.map_or(Fit::Kept, |source| {
        let source = plan.source_name(source);
        Fit::Lost(format!(
            "it has closed windows, or let go of rows, by the watermark of `{source}`, which would \
             begin anew"
        ))
    })
}

fn sinks(
    plan: &Plan,
    record: &Record,
    committed: bool,
    handover: &Handover,
    found: &mut Vec<NodeFit>,
) {
    let uncommitted = |what: &str, sink: &SinkRecord| {
        let rows: u64 = sink.prepared.iter().map(|lane| lane.rows).sum();
        format!(
            "{what}, and epoch {}, with {rows} rows of it, may not be committed there yet: run \
             the manifest as it was once more, or these rows are lost",
            record.epoch
        )
    };
    for (number, sink) in plan.sinks.iter().enumerate() {
        let node = plan.sink_name(number).to_owned();
        let before = record.sinks.iter().find(|before| before.node == node);
        let target = place(plan, sink.sink.as_ref());
        let changed = before.and_then(|before| {
            let moved = before.connector != sink.connector || before.target != target;
            moved.then_some("it writes to another place")
        });
        let digest = plan.digest(sink.node);
        let digest = digest.as_deref();
        let digest_before = record.plugins.get(&node).map(String::as_str);
        let digests = digest_before.zip(digest).unwrap_or_default();
        let format = sink.encode.as_ref().map(Encode::name);
        let other_format = before
            .is_some_and(|before| changed.is_none() && before.prepares && before.format != format);
        let fit = match (before, changed) {
            (None, _) => Fit::New,
            (Some(before), None) if other_format => Fit::Lost(format!(
                "it writes `{}`, and what is there is `{}`: write to another place",
                format.unwrap_or_default(),
                before.format.clone().unwrap_or_default()
            )),
            (Some(before), None) => match handover.of(&node) {
                None => Fit::Kept,
                Some(Predecessor::Done) => Fit::Changed(another_version(digests.0, digests.1)),
                Some(Predecessor::Commits(_)) => Fit::Changed(format!(
                    "another version of its plugin; epoch {} is committed by the old one first",
                    record.epoch
                )),
                Some(Predecessor::Cannot(why)) => Fit::Lost(format!(
                    "{}; the old version cannot commit it first: {why}",
                    uncommitted("it has another version of its plugin", before)
                )),
            },
            (Some(_), Some(what)) if committed => Fit::Changed(what.to_owned()),
            (Some(before), Some(what)) => Fit::Lost(uncommitted(what, before)),
        };
        found.push(NodeFit { node, fit });
    }
    for before in &record.sinks {
        let there = plan.sink_number(&before.node).is_some();
        let has_output = before.prepared.iter().any(|lane| !lane.token.is_empty());
        if !there && !committed && has_output {
            found.push(NodeFit {
                node: before.node.clone(),
                fit: Fit::Lost(uncommitted("it is in the manifest no more", before)),
            });
        }
    }
}

fn another_version(before: &str, now: &str) -> String {
    format!(
        "another version of its plugin: sha256 {} instead of {}",
        short(now),
        short(before)
    )
}

/// As much of a digest as tells two apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
