//! SQL nodes: a query becomes one vertex a step.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_manifest::{LateRows, Spanned, StateScope, Transform};
use azud_model::Mode;
use azud_operators::StaticRows;
use azud_sql::{Input, Query, SqlError, StepContext, Table, Times};

use super::node::{Draft, LATE, Output, REJECTED, same_columns};
use super::{Environment, aggregate};
use crate::graph::{From, Side, Vertex, Work, below_batch};

pub(super) fn add(
    draft: &mut Draft<'_>,
    transform: &Transform,
    sql: &Spanned<String>,
    environment: &Environment<'_>,
) {
    let number = draft.add_node(&transform.name.value, transform.on_error);
    let functions = aggregate::functions(draft, &transform.name, sql, environment);
    let Some((functions, called)) = functions else {
        return;
    };
    let mut tables: BTreeMap<_, _> = draft
        .outputs
        .iter()
        .map(|(name, output)| {
            let table = Table {
                schema: output.schema.clone(),
                times: output.times.clone(),
                rows: None,
            };
            (name.clone(), table)
        })
        .collect();
    tables.extend(draft.tables.iter().map(|table| {
        let rows: Arc<dyn StaticRows> = table.rows.clone();
        let name = table.rows.name().to_owned();
        (name, table_of(&table.schema, rows))
    }));
    match azud_sql::plan_with(&sql.value, &tables, &functions, Some(&environment.clock)) {
        Ok(query) => {
            add_steps(draft, transform, number, &query);
            called.set_replaceable(draft, number);
        }
        // A node that is missing because it has errors was told there.
        Err(_) if reads_broken_node(draft, sql) => {}
        Err(error) if reads_rejected_of_table(draft, sql) => {
            let message = "a table rejects no rows: those that it cannot decode stop the pipeline, \
                           or are left out";
            let help = "`on_error` of the source says which";
            let span = error.location.map_or(sql.span, |place| {
                draft.manifest.span_at(sql, place.line, place.column)
            });
            draft.blame(span, message, Some(help.to_owned()));
        }
        Err(error) => blame(draft, sql, &error),
    }
}

fn table_of(schema: &SchemaRef, rows: Arc<dyn StaticRows>) -> Table {
    Table {
        schema: schema.clone(),
        times: Times::default(),
        rows: Some(rows),
    }
}

/// Whether the query reads a node of the manifest that could not be planned.
fn reads_broken_node(draft: &Draft<'_>, sql: &Spanned<String>) -> bool {
    let Ok(tables) = azud_sql::tables(&sql.value) else {
        return false;
    };
    let sources = draft.manifest.sources.keys();
    let broken = sources
        .chain(draft.manifest.transforms.keys())
        .filter(|name| !draft.outputs.contains_key(*name) && draft.table(name).is_none());
    // Of a sink only what it rejects can be read.
    let sinks = draft.manifest.sinks.keys();
    let sinks = sinks.filter(|name| !draft.outputs.contains_key(&format!("{name}{REJECTED}")));
    let broken: Vec<&String> = broken.chain(sinks).collect();
    let is_broken = |table: &String| {
        let node = table.strip_suffix(REJECTED).or(table.strip_suffix(LATE));
        let node = node.unwrap_or(table);
        broken.iter().any(|name| name.eq_ignore_ascii_case(node))
    };
    tables.iter().any(is_broken)
}

/// Whether the query reads what a table would reject, if it were a stream.
fn reads_rejected_of_table(draft: &Draft<'_>, sql: &Spanned<String>) -> bool {
    let tables = azud_sql::tables(&sql.value).unwrap_or_default();
    let of = tables
        .iter()
        .filter_map(|table| table.strip_suffix(REJECTED));
    let mut of = of.map(str::to_owned);
    of.any(|table| draft.table(&table).is_some())
}

fn add_steps(draft: &mut Draft<'_>, transform: &Transform, node: usize, query: &Query) {
    let state_per_batch = transform
        .state
        .as_ref()
        .is_some_and(|state| state.value == StateScope::Batch);
    if let Some(state) = &transform.state
        && !query.steps.iter().any(|step| step.stateful)
    {
        let message = "`state` is for queries with aggregates, and this one has none";
        draft.blame(state.span, message, None);
        return;
    }
    let late = transform.late.as_ref().map(|late| late.value);
    let late_updates = late == Some(LateRows::Update);
    if let Some(late) = &transform.late
        && let Some((message, help)) = late_is_wrong(query, late.value)
    {
        draft.blame(late.span, message, Some(help.to_owned()));
        return;
    }
    if let Some(state) = transform.state.as_ref().filter(|_| state_per_batch) {
        let context = StepContext {
            modes: vec![Mode::Append],
            state_per_batch,
            late_updates,
            per_epoch: false,
        };
        let mut stateful = query.steps.iter().filter(|step| step.stateful);
        if let Some(error) = stateful.find_map(|step| (step.make)(&context).err()) {
            draft.blame(state.span, error.to_string(), None);
            return;
        }
    }
    let mut vertices: Vec<usize> = Vec::new();
    let first = draft.vertices.len();
    for (position, step) in query.steps.iter().enumerate() {
        let inputs = step.inputs.iter().map(|input| match input {
            Input::Table(table) => draft
                .outputs
                .get(table)
                .map(|output: &Output| output.from.clone()),
            Input::Step(step) => vertices
                .get(*step)
                .map(|vertex| vec![From::output(*vertex)]),
        });
        let Some(inputs) = inputs.collect::<Option<Vec<_>>>() else {
            draft.blame(
                transform.name.span,
                "a query reads a node that is not there",
                None,
            );
            return;
        };
        for from in &inputs {
            draft.note_rejected_readers(from);
        }
        let reads = step.inputs.iter().map(|input| match input {
            Input::Table(table) => draft.outputs.get(table).map(|of| of.schema.clone()),
            Input::Step(step) => query.steps.get(*step).map(|step| step.schema.clone()),
        });
        let reads = reads.collect::<Option<Vec<_>>>().unwrap_or_default();
        let make = step.make.clone();
        let per_epoch = step.counts && is_per_epoch(draft, &inputs);
        let work = Work::Operator(Arc::new(move |modes: &[Mode]| {
            make(&StepContext {
                modes: modes.to_vec(),
                state_per_batch,
                late_updates,
                per_epoch,
            })
        }));
        let table = step.table.as_ref().and_then(|table| draft.table(table));
        let vertex = Vertex {
            table: table.map(|table| table.node),
            exchange: step.exchange.clone(),
            changing: step.stateful && !state_per_batch,
            keeps: step.keeps,
            counts: step.counts,
            behind: step.behind,
            closes: step.closes && !late_updates,
            by_clock: step.by_clock,
            refuses: step.refuses,
            serves: step.serves.map(|other| first + other),
            of_batch: step.stateful && state_per_batch,
            output: position == query.output,
            reads,
            calls: step.name == "partial aggregate",
            ..Vertex::new(node, work, inputs)
        };
        vertices.push(draft.add_vertex(vertex, transform.name.span));
    }
    match vertices.get(query.output) {
        Some(output) => {
            let times = query.times.clone();
            draft.add_output(
                &transform.name.value,
                node,
                *output,
                query.schema.clone(),
                times,
            );
        }
        None => draft.blame(transform.name.span, "a query has no output", None),
    }
    if !query.late.is_empty() {
        draft.set_late(node);
    }
    // Late rows of several steps are one output where they have the same columns.
    let Some(first) = query.late.first().filter(|_| late != Some(LateRows::Drop)) else {
        return;
    };
    let late = query.late.iter();
    let late = late.filter(|late| same_columns(&late.schema, &first.schema));
    let from = late.filter_map(|late| vertices.get(late.step));
    let output = Output {
        from: from
            .map(|vertex| From {
                vertex: *vertex,
                side: Side::Late,
            })
            .collect(),
        schema: first.schema.clone(),
        times: Times::default(),
    };
    let name = format!("{}{LATE}", transform.name.value);
    draft.outputs.insert(name, output);
}

/// Whether each epoch's rows stand for themselves where they come from.
fn is_per_epoch(draft: &Draft<'_>, inputs: &[Vec<From>]) -> bool {
    let of_batch = below_batch(&draft.vertices);
    let mut inputs = inputs.iter().flatten();
    inputs.all(|from| from.is_output() && of_batch.get(from.vertex).copied().unwrap_or(false))
}

/// What is wrong with `late` on a query, and what to do.
fn late_is_wrong(query: &Query, late: LateRows) -> Option<(&'static str, &'static str)> {
    if query.late.is_empty() {
        return Some((
            "`late` is for queries in which rows can be late, and in this one none can",
            "the watermark closes windows, sessions and joins of a column that is a source's event \
             time: `time: { column, delay }`",
        ));
    }
    let mut kept = query
        .steps
        .iter()
        .filter(|step| step.stateful || step.keeps);
    let is_final = late == LateRows::Update && kept.any(|step| !step.takes_late);
    is_final.then_some((
        "`late: update` is for windows of a GROUP BY: what a session, a join or `dropDuplicates` \
         gives is final",
        "read late rows as `<node>.late`, or give the source's `time` a longer `delay`",
    ))
}

/// Puts an SQL error at its place in the manifest.
pub(super) fn blame(draft: &mut Draft<'_>, sql: &Spanned<String>, error: &SqlError) {
    let span = match error.location {
        Some(place) => draft.manifest.span_at(sql, place.line, place.column),
        None => sql.span,
    };
    draft.blame(span, error.message.clone(), error.help.clone());
}
