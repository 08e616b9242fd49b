//! Sinks that are plugins: one vertex that offers rows to the plugin, on threads
//! of its own, and behind it one that tells the coordinator of the epoch's end.

use std::sync::Arc;

use azud_manifest::{Plugin as PluginEntry, Sink as SinkNode, Spanned};
use azud_model::{Error, Mode, Result};
use azud_sandbox::{CancellationToken, OpenError, Plugin, Sink, World};

use super::component::{OpenOne, PlanComponent, Predecessors};
use super::node::{Draft, Output};
use super::plugin::{config, limits, loaded};
use super::{Environment, PlanSink, grants, sink};
use crate::graph::{From, MakeOperator, Vertex, Work};
use crate::plugin::{Guest, Handle, MAX_ROWS, Only, PluginSink, SINK_WAIT, SinkOperator};
use crate::swap::{Fixed, InLane, Terms, Versions};
use crate::telemetry::MeterCell;

/// What a component imports where it wants to reach someone, and the grant for it.
const NEEDS: [Need; 2] = [
    ("wasi:http/outgoing-handler", "http", "sends HTTP requests"),
    ("wasi:sockets/tcp", "tcp", "opens TCP connections"),
];

/// An interface, the grant for it, and what it is for.
pub(super) type Need = (&'static str, &'static str, &'static str);

pub(super) fn add(
    draft: &mut Draft<'_>,
    node: &SinkNode,
    name: &Spanned<String>,
    input: Output,
    environment: &Environment<'_>,
) {
    let number = draft.add_node(&node.name.value, node.on_error);
    let Some((plugin, entry)) = loaded(draft, name, environment) else {
        return;
    };
    let granted = grants::grants(draft, entry, environment);
    let complete = is_granted(draft, name, &plugin, entry);
    let (Some(granted), true) = (granted, complete) else {
        return;
    };
    let (config, limits, granted) = (
        config(node.config.as_ref()),
        limits(entry),
        Arc::new(granted),
    );
    let log = draft.log(&node.name.value, &limits);
    let open_one: OpenOne = {
        let schema = input.schema.clone();
        Arc::new(move |plugin: &Plugin, cancel: &CancellationToken| {
            let (limits, granted) = (limits.clone(), Arc::clone(&granted));
            let (logger, cancel) = (log.of(plugin), cancel.clone());
            Sink::open(plugin, &config, &schema, limits, granted, logger, cancel)
        })
    };
    let open = {
        let (plugin, open_one) = (plugin.clone(), open_one.clone());
        move |cancel: &CancellationToken| open_one(&plugin, cancel)
    };
    // Its own: what it prepared is rolled back after its calls were given up.
    let cancel = draft.cancel.token();
    let first = match open(&cancel) {
        Ok(sink) => sink,
        Err(error) => {
            let span = node.config.as_ref().map_or(name.span, |config| config.span);
            draft.blame(span, format!("plugin `{}`: {error}", name.value), None);
            return;
        }
    };
    draft.set_plugin(number, plugin.digest());
    let max_rows = node.max_rows.as_ref();
    let max_rows = max_rows.map_or(MAX_ROWS, |max_rows| max_rows.value.get());
    let max_wait = node.max_wait.as_ref();
    let max_wait = max_wait.map_or(SINK_WAIT, |max_wait| max_wait.value.into());
    let clock = environment.clock.clone();
    let of_node: Arc<str> = node.name.value.as_str().into();
    let cancels = draft.cancel.clone();
    let component = PlanComponent::new(
        &plugin,
        Predecessors {
            node: of_node.clone(),
            open: open_one.clone(),
            ungranted: ungranted(entry),
            sandbox: environment.sandbox.clone(),
            clock: clock.clone(),
            cancels: cancels.clone(),
        },
    );
    let (transactions, guest) = match plugin.is(World::TransactionalSink) {
        true => {
            let meter: Arc<MeterCell> = Arc::default();
            let of_first = meter.clone();
            let first = Handle::new(of_node.clone(), first, clock.clone(), cancel, of_first);
            let (node, clock) = (of_node.clone(), clock.clone());
            let of_others = meter.clone();
            let only = Arc::new(Only::new(first, move || {
                let cancel = cancels.token();
                let sink = opened(&node, open(&cancel))?;
                let (clock, meter) = (clock.clone(), of_others.clone());
                Ok(Handle::new(node.clone(), sink, clock, cancel, meter))
            }));
            let fixed = Fixed::new(
                &plugin,
                "it writes in transactions: put the component where the manifest says, and `azud \
                 apply` that",
                meter,
            );
            draft.set_replaceable(number, of_node.clone(), Arc::new(fixed));
            (Some(only.clone()), all_lanes(only))
        }
        false => {
            let terms = Terms {
                name: of_node.clone(),
                sandbox: environment.sandbox.clone(),
                world: World::Sink,
                pinned: entry.sha256.as_ref().map(|sha256| sha256.value.clone()),
                ungranted: ungranted(entry),
                open: Arc::new(move |plugin| open_one(plugin, &cancels.token())),
                // What it gives nobody reads, and `open` has seen the columns.
                fits: Box::new(|_| Ok(())),
                // It would write them.
                tries: |_, _| Ok(()),
                // An instance is given up with the attempt that it was opened in.
                can_shadow: false,
                // Nobody asks for that of a sink, whose calls may be under way.
                memory: |_| 0,
                instances: 0,
            };
            let versions = Arc::new(Versions::new(terms, plugin, first));
            draft.set_replaceable(number, of_node.clone(), versions.clone());
            let guest: MakeGuest =
                Box::new(move || Ok(Guest::Own(Box::new(InLane::new(&versions)?))));
            (None, guest)
        }
    };
    let make: MakeOperator = Arc::new(move |_: &[Mode]| {
        Ok(Box::new(SinkOperator::new(
            of_node.clone(),
            guest()?,
            max_rows,
            max_wait,
            clock.clone(),
        )))
    });
    let schema = input.schema.clone();
    let offers = Vertex {
        own_stage: true,
        reads: vec![schema.clone()],
        // An epoch is one transaction, so all its rows meet in one lane.
        exchange: transactions.as_ref().map(|_| Vec::new()),
        ..Vertex::new(number, Work::Operator(make), vec![input.from])
    };
    let offers = draft.add_vertex(offers, node.name.span);
    let offered = From::output(offers);
    let work = Work::Sink(draft.sinks.len());
    let ends = Vertex {
        mode: sink::mode(node),
        ..Vertex::new(number, work, vec![vec![offered]])
    };
    draft.sinks.push(PlanSink {
        node: number,
        connector: "plugin".to_owned(),
        sink: Arc::new(PluginSink::new(transactions)),
        encode: None,
        records: None,
        prints: false,
        schema,
        component: Some(component),
    });
    draft.add_vertex(ends, node.mode_span());
    draft.add_rejected(&node.name.value, number);
}

/// Gives a lane whom it offers rows to.
type MakeGuest = Box<dyn Fn() -> Result<Guest> + Send + Sync>;

fn all_lanes(only: Arc<Only>) -> MakeGuest {
    Box::new(move || Ok(Guest::Transactional(only.current())))
}

fn opened(node: &str, sink: Result<Sink, OpenError>) -> Result<Sink> {
    sink.map_err(|error| Error::plugin(format!("node `{node}`: {error}")))
}

/// Whether something is said of everybody that the plugin wants to reach: a grant
/// that is missing is found before anything runs.
fn is_granted(
    draft: &mut Draft<'_>,
    name: &Spanned<String>,
    plugin: &Plugin,
    entry: &PluginEntry,
) -> bool {
    let mut complete = true;
    for (interface, grant, what) in ungranted(entry) {
        if !plugin.imports(interface) {
            continue;
        }
        complete = false;
        let message = format!("the plugin `{}` {what}, and none are granted", name.value);
        let help = format!(
            "write where to: plugins: {{ {}: {{ grants: {{ {grant}: [\"host:port\"] }} }} }}; \
             `{grant}: []` lets it run and reach nobody",
            name.value
        );
        draft.blame(name.span, message, Some(help));
    }
    complete
}

/// What nothing is said of.
fn ungranted(entry: &PluginEntry) -> Vec<Need> {
    let written = entry.grants.as_ref();
    let said = |grant: &str| {
        written.is_some_and(|grants| match grant {
            "http" => grants.http.is_some(),
            _ => grants.tcp.is_some(),
        })
    };
    let needs = NEEDS.into_iter();
    needs.filter(|(_, grant, _)| !said(grant)).collect()
}
