//! Plugin nodes with a key: late rows are taken out, rows move by key, and the plugin keeps
//! states and sets timers.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use azud_manifest::{LateRows, Plugin as PluginEntry, Spanned, Transform as TransformNode};
use azud_model::Mode;
use azud_operators::LateFilter;
use azud_sandbox::{Keyed, KeyedState, Plugin, World};
use azud_sql::Times;

use super::node::{Draft, LATE, Output, columns, columns_and_nulls};
use super::plugin::{config, limits};
use super::{Environment, plugin::no_grants};
use crate::graph::{From, MakeOperator, Side, Vertex, Work};
use crate::plugin::{KeyedOperator, KeyedPlan, MAX_ROWS, words};
use crate::swap::{InLane, Opener, Terms, Versions};

/// Adds a node whose plugin is one with state.
pub(super) fn add(
    draft: &mut Draft<'_>,
    node: &TransformNode,
    (number, input): (usize, Output),
    (name, plugin, entry): (&Spanned<String>, &Plugin, &PluginEntry),
    environment: &Environment<'_>,
) {
    if no_grants(draft, node, name, entry) {
        return;
    }
    let Some(key) = key(draft, node, name, &input.schema) else {
        return;
    };
    let config = config(node.config.as_ref());
    let limits = limits(entry);
    let log = draft.log(&node.name.value, &limits);
    let open: Opener<Keyed> = {
        let (schema, key) = (input.schema.clone(), key.clone());
        Arc::new(move |plugin| {
            let (limits, logger) = (limits.clone(), log.of(plugin));
            Keyed::open(plugin, &config, &schema, &key, limits, logger)
        })
    };
    let first = match open(plugin) {
        Ok(keyed) => keyed,
        Err(error) => {
            let span = node.config.as_ref().map_or(name.span, |config| config.span);
            draft.blame(span, format!("plugin `{}`: {error}", name.value), None);
            return;
        }
    };
    draft.set_plugin(number, plugin.digest());
    let time = time_of(&input).filter(|_| first.has_event_timers());
    if first.has_event_timers() && time.is_none() {
        let message = format!(
            "plugin `{}` sets timers of event time, and what `{}` reads has none",
            name.value, node.name.value
        );
        let help = match input.times.columns.is_empty() {
            true => "write `time: { column, delay }` on the source",
            false => "a window is no moment: give it `window_time(window)` in SQL before this step",
        };
        draft.blame(name.span, message, Some(help.to_owned()));
        return;
    }

    if let Some(late) = node.late.as_ref().filter(|_| !first.has_event_timers()) {
        let message = format!(
            "`late` is for plugins with timers of event time, and `{}` has none: no row is late",
            name.value
        );
        draft.blame(late.span, message, None);
        return;
    }

    let mut from = input.from.clone();
    if let Some((column, time)) = time {
        from = vec![From::output(add_late(
            draft,
            node,
            (number, &input),
            (column, time),
        ))];
    }
    let schema = first.output_schema().clone();
    // Without a source that has event time nothing below is ever closed.
    let time = first
        .event_time()
        .filter(|_| draft.has_event_time(&input.from))
        .and_then(|time| schema.fields().get(time));
    let times = Times {
        columns: time.iter().map(|time| time.name().clone()).collect(),
        delay: input.times.delay,
    };
    let plan = KeyedPlan::new(input.schema.clone(), key.clone(), first.states().to_vec());
    let terms = Terms {
        name: node.name.value.as_str().into(),
        sandbox: environment.sandbox.clone(),
        world: World::Keyed,
        pinned: entry.sha256.as_ref().map(|sha256| sha256.value.clone()),
        ungranted: Vec::new(),
        open,
        fits: Box::new(fits(&first)),
        // What it makes of rows depends on states.
        tries: |_, _| Ok(()),
        can_shadow: true,
        memory: Keyed::memory,
        instances: 1,
    };
    let versions = Arc::new(Versions::new(terms, plugin.clone(), first));
    let name = node.name.value.as_str().into();
    draft.set_replaceable(number, name, versions.clone());
    let vertex = Vertex {
        exchange: Some(key),
        keeps: true,
        output: true,
        reads: vec![input.schema.clone()],
        ..Vertex::new(
            number,
            Work::Operator(make(node, versions, plan, environment)),
            vec![from],
        )
    };
    let vertex = draft.add_vertex(vertex, node.name.span);
    draft.add_output(&node.name.value, number, vertex, schema, times);
}

/// The operator of a lane.
fn make(
    node: &TransformNode,
    versions: Arc<Versions<Keyed>>,
    plan: KeyedPlan,
    environment: &Environment<'_>,
) -> MakeOperator {
    let rows = node.max_rows.as_ref();
    let rows = rows.map_or(MAX_ROWS, |rows| rows.value.get());
    let wait = node.max_wait.as_ref().map(|wait| wait.value.into());
    let clock = environment.clock.clone();
    let name: Arc<str> = node.name.value.as_str().into();
    Arc::new(move |_: &[Mode]| {
        let plugin = InLane::new(&versions)?;
        let (name, clock) = (name.clone(), clock.clone());
        let operator = KeyedOperator::new(name, plugin, plan.clone(), (rows, wait), clock);
        Ok(Box::new(operator?))
    })
}

/// Whether another version goes on with the same states, and gives the same columns; for how
/// long it keeps states does not matter.
fn fits(first: &Keyed) -> impl Fn(&Keyed) -> Result<(), String> + Send + Sync + 'static {
    let (states, schema) = (first.states().to_vec(), first.output_schema().clone());
    let (time, has_timers) = (first.event_time(), first.has_event_timers());
    move |other| {
        let (now, before) = (other.states(), &states);
        if !are_same(now, before) {
            let converts = other
                .formers()
                .iter()
                .any(|former| are_same(former, before));
            return Err(format!(
                "it keeps other states: {} instead of {}{}",
                words(now).join("; "),
                words(before).join("; "),
                match converts {
                    true => "; it converts them where a manifest names it: `azud apply`",
                    false => "",
                }
            ));
        }
        if *other.output_schema() != schema || other.event_time() != time {
            return Err(format!(
                "it gives other columns: {} instead of {}",
                columns_and_nulls(other.output_schema()),
                columns_and_nulls(&schema)
            ));
        }
        match other.has_event_timers() && !has_timers {
            true => Err(
                "it sets timers of event time, which the one before does not: start the \
                         pipeline with it"
                    .to_owned(),
            ),
            false => Ok(()),
        }
    }
}

/// Whether states are the same but for how long they are kept.
fn are_same(now: &[KeyedState], before: &[KeyedState]) -> bool {
    let same = |(now, before): (&KeyedState, &KeyedState)| {
        now.name == before.name && now.kind == before.kind && now.columns == before.columns
    };
    now.len() == before.len() && now.iter().zip(before).all(same)
}

/// Takes out rows behind the watermark; answers the vertex that does.
fn add_late(
    draft: &mut Draft<'_>,
    node: &TransformNode,
    (number, input): (usize, &Output),
    (column, time): (usize, String),
) -> usize {
    draft.set_late(number);
    let late = node.late.as_ref().map(|late| late.value);
    let becomes = match late.unwrap_or_default() {
        LateRows::Output | LateRows::Drop => azud_operators::LateRows::TakenOut,
        LateRows::Update => azud_operators::LateRows::Copied,
    };
    let make: MakeOperator =
        Arc::new(move |_: &[Mode]| Ok(Box::new(LateFilter::of_column(&time, column, becomes))));
    let vertex = Vertex {
        serves: Some(draft.vertices.len() + 1),
        reads: vec![input.schema.clone()],
        ..Vertex::new(number, Work::Operator(make), vec![input.from.clone()])
    };
    let vertex = draft.add_vertex(vertex, node.name.span);
    if late == Some(LateRows::Drop) {
        return vertex;
    }
    let late = Output {
        from: vec![From {
            vertex,
            side: Side::Late,
        }],
        schema: input.schema.clone(),
        times: Times::default(),
    };
    let name = format!("{}{LATE}", node.name.value);
    draft.outputs.insert(name, late);
    vertex
}

/// The columns that `key` names; `None` where that was told.
fn key(
    draft: &mut Draft<'_>,
    node: &TransformNode,
    name: &Spanned<String>,
    input: &SchemaRef,
) -> Option<Vec<usize>> {
    if node.key.is_empty() {
        let message = format!(
            "plugin `{}` has state, and `{}` does not say of what",
            name.value, node.name.value
        );
        let help = "write `key: [column]`: rows with the same key share what the plugin knows";
        draft.blame(name.span, message, Some(help.to_owned()));
        return None;
    }
    let mut key = Vec::new();
    for column in &node.key {
        let place = input.index_of(&column.value).ok();
        let field = place.and_then(|place| input.fields().get(place));
        let (Some(place), Some(field)) = (place, field) else {
            let message = format!(
                "no column `{}` in what `{}` reads: {}",
                column.value,
                node.name.value,
                columns(input)
            );
            draft.blame(column.span, message, None);
            return None;
        };
        if field.data_type().is_nested() {
            let message = format!("`{}` cannot be a key: it is nested", column.value);
            let help = "name its parts in SQL before this step, and let them be the key";
            draft.blame(column.span, message, Some(help.to_owned()));
            return None;
        }
        key.push(place);
    }
    Some(key)
}

/// The column of event time, where it is a moment.
fn time_of(input: &Output) -> Option<(usize, String)> {
    let mut times = input.times.columns.iter();
    times.find_map(|time| {
        let (place, field) = input.schema.column_with_name(time)?;
        let is = matches!(field.data_type(), DataType::Timestamp(_, _));
        is.then(|| (place, time.clone()))
    })
}
