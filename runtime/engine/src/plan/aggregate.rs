//! Aggregates that are plugins: those that a query calls are loaded, and opened on the types
//! of their arguments while it is planned.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Fields, Schema};
use azud_manifest::{Plugin as PluginEntry, Spanned};
use azud_model::Clock;
use azud_operators::UserAggregate;
use azud_sandbox::{Aggregate, Limits, Plugin, Sandbox, World};
use azud_sql::{UserFunction, UserFunctions};

use super::Environment;
use super::node::{Draft, columns_and_nulls};
use super::plugin::{config, limits, loaded};
use crate::plugin::{AggregateColumns, NodeLog, PluginAggregate};
use crate::swap::{Opener, Terms, Versions};

/// The plugins that a query calls: the name, and what it was opened for.
#[derive(Default)]
pub(super) struct Called(Vec<Arc<AggregatePlugin>>);

// === impl Called ===

impl Called {
    /// Once the query is planned: they can be replaced while it runs.
    pub(super) fn set_replaceable(&self, draft: &mut Draft<'_>, node: usize) {
        for plugin in &self.0 {
            let opened = plugin.opened.lock();
            let opened = opened.unwrap_or_else(PoisonError::into_inner);
            for (_, versions) in opened.iter().filter_map(|(_, answer)| answer.as_ref().ok()) {
                let name = format!("{}.{}", plugin.node, plugin.name);
                draft.set_replaceable(node, name.into(), versions.clone());
            }
        }
    }
}

/// The plugins that a query of this node may call, and those that it does; `None` where one that
/// it calls cannot be used, which was told.
pub(super) fn functions(
    draft: &mut Draft<'_>,
    node: &Spanned<String>,
    sql: &Spanned<String>,
    environment: &Environment<'_>,
) -> Option<(UserFunctions, Called)> {
    let manifest = draft.manifest;
    // What is wrong with the query is told where it is planned.
    let called = azud_sql::functions(&sql.value).unwrap_or_default();
    let (mut functions, mut all) = (UserFunctions::new(), Called::default());
    for entry in manifest.plugins.values() {
        let name = &entry.name.value;
        let call = called
            .iter()
            .find(|(call, _)| call.eq_ignore_ascii_case(name));
        let function: Arc<dyn UserFunction> = match call {
            // Its name is known, for whoever writes one that is almost the same.
            None => Arc::new(NoAggregate("it is not called")),
            Some((_, is_known)) => match function(draft, node, entry, *is_known, environment)? {
                Ok(plugin) => {
                    all.0.push(plugin.clone());
                    plugin
                }
                Err(why) => Arc::new(why),
            },
        };
        functions.insert(name.clone(), function);
    }
    Some((functions, all))
}

fn function(
    draft: &mut Draft<'_>,
    node: &Spanned<String>,
    entry: &PluginEntry,
    is_known: bool,
    environment: &Environment<'_>,
) -> Option<Result<Arc<AggregatePlugin>, NoAggregate>> {
    let name = &entry.name;
    let (plugin, _) = loaded(draft, name, environment)?;
    if !plugin.is(World::Aggregate) {
        return Some(Err(NoAggregate(match plugin.world() {
            World::Transform => {
                "the plugin is a transform, and a query calls aggregates: let a node of its own \
                 run it with `plugin:`"
            }
            World::Keyed => {
                "the plugin has state of its own, and a query calls aggregates: let a node of its \
                 own run it with `plugin:` and `key:`"
            }
            _ => "the plugin is a sink, and a query calls aggregates",
        })));
    }
    if is_known {
        let message = format!(
            "`{}` is a function of SQL, and `{}` calls that one, not the plugin",
            name.value, node.value
        );
        let help = "give the plugin another name";
        draft.blame(name.span, message, Some(help.to_owned()));
        return None;
    }
    if let Some(grants) = &entry.grants {
        let message = format!(
            "`{}` is called by `{}` as an aggregate, and an aggregate gets no grants",
            name.value, node.value
        );
        let help = "only sinks reach files and networks: an aggregate is given rows and states, and \
                    makes the same of them always";
        draft.blame(grants.span, message, Some(help.to_owned()));
        return None;
    }
    let limits = limits(entry);
    Some(Ok(Arc::new(AggregatePlugin {
        log: draft.log(&node.value, &limits),
        node: node.value.as_str().into(),
        name: name.value.clone(),
        plugin,
        pinned: entry.sha256.as_ref().map(|sha256| sha256.value.clone()),
        sandbox: environment.sandbox.clone(),
        config: config(entry.config.as_ref()),
        limits,
        clock: environment.clock.clone(),
        opened: Mutex::default(),
    })))
}

/// A plugin that is none, or that nobody calls.
#[derive(Debug)]
struct NoAggregate(&'static str);

impl UserFunction for NoAggregate {
    fn open(&self, _: &[DataType]) -> Result<Arc<dyn UserAggregate>, String> {
        Err(self.0.to_owned())
    }
}

/// What a plugin says to types of arguments.
type Answer = Result<(Arc<PluginAggregate>, Arc<Versions<Aggregate>>), String>;

/// A plugin that a query calls.
struct AggregatePlugin {
    node: Arc<str>,
    name: String,
    plugin: Plugin,
    pinned: Option<String>,
    sandbox: Sandbox,
    config: String,
    limits: Limits,
    log: Arc<NodeLog>,
    clock: Arc<dyn Clock>,
    /// The types that it was asked for: a planner asks often.
    opened: Mutex<Vec<(Vec<DataType>, Answer)>>,
}

impl fmt::Debug for AggregatePlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

// === impl AggregatePlugin ===

impl AggregatePlugin {
    fn first(&self, arguments: &[DataType]) -> Answer {
        let fields = (1..)
            .zip(arguments)
            .map(|(number, argument)| Field::new(format!("arg{number}"), argument.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let (config, limits) = (self.config.clone(), self.limits.clone());
        let log = self.log.clone();
        let open: Opener<Aggregate> = Arc::new(move |plugin| {
            Aggregate::open(plugin, &config, &schema, limits.clone(), log.of(plugin))
        });
        let first = open(&self.plugin).map_err(|error| error.to_string())?;
        let columns = AggregateColumns::of(&first);
        let terms = Terms {
            name: format!("{}.{}", self.node, self.name).into(),
            sandbox: self.sandbox.clone(),
            world: World::Aggregate,
            pinned: self.pinned.clone(),
            ungranted: Vec::new(),
            open,
            fits: Box::new({
                let columns = columns.clone();
                move |other| same_columns(&AggregateColumns::of(other), &columns)
            }),
            // What it makes of rows depends on states.
            tries: |_, _| Ok(()),
            can_shadow: true,
            memory: Aggregate::memory,
            instances: 2,
        };
        let versions = Arc::new(Versions::new(terms, self.plugin.clone(), first));
        let title = format!("node `{}`: {}()", self.node, self.name);
        let clock = self.clock.clone();
        let aggregate = PluginAggregate::new(title, &columns, versions.clone(), clock);
        Ok((Arc::new(aggregate), versions))
    }
}

/// Whether another version goes on with the same states, and gives the same columns.
fn same_columns(now: &AggregateColumns, before: &AggregateColumns) -> Result<(), String> {
    if now.state != before.state {
        let converts = match now.formers.contains(&before.state) {
            true => "; it converts them where a manifest names it: `azud apply`",
            false => "",
        };
        return Err(format!(
            "it keeps other columns of a group: {} instead of {}{converts}",
            columns_and_nulls(&now.state),
            columns_and_nulls(&before.state)
        ));
    }
    if now.outputs != before.outputs {
        let columns = |fields: &Fields| columns_and_nulls(&Arc::new(Schema::new(fields.clone())));
        return Err(format!(
            "it gives other columns: {} instead of {}",
            columns(&now.outputs),
            columns(&before.outputs)
        ));
    }
    Ok(())
}

impl UserFunction for AggregatePlugin {
    fn open(&self, arguments: &[DataType]) -> Result<Arc<dyn UserAggregate>, String> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|(types, _)| types == arguments);
        let answer = match known {
            Some((_, answer)) => answer.clone(),
            None => {
                let answer = self.first(arguments);
                opened.push((arguments.to_vec(), answer.clone()));
                answer
            }
        };
        Ok(answer?.0)
    }
}
