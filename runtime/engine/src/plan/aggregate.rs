//! Aggregates that are plugins: those that a query calls are loaded, and opened on the types
//! of their arguments while it is planned.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Schema};
use azud_manifest::{Plugin as PluginEntry, Spanned};
use azud_model::Clock;
use azud_operators::UserAggregate;
use azud_sandbox::{Aggregate, Limits, Plugin, World};
use azud_sql::{UserFunction, UserFunctions};

use super::Environment;
use super::node::Draft;
use super::plugin::{config, limits, loaded};
use crate::plugin::{NodeLogger, PluginAggregate};

/// The plugins that a query of this node may call; `None` where one that it calls cannot be
/// used, which was told.
pub(super) fn functions(
    draft: &mut Draft<'_>,
    node: &Spanned<String>,
    sql: &Spanned<String>,
    environment: &Environment<'_>,
) -> Option<UserFunctions> {
    let manifest = draft.manifest;
    // What is wrong with the query is told where it is planned.
    let called = azud_sql::functions(&sql.value).unwrap_or_default();
    let mut functions = UserFunctions::new();
    for entry in manifest.plugins.values() {
        let name = &entry.name.value;
        let call = called
            .iter()
            .find(|(call, _)| call.eq_ignore_ascii_case(name));
        let function: Arc<dyn UserFunction> = match call {
            // Its name is known, for whoever writes one that is almost the same.
            None => Arc::new(NoAggregate("it is not called")),
            Some((_, is_known)) => function(draft, node, entry, *is_known, environment)?,
        };
        functions.insert(name.clone(), function);
    }
    Some(functions)
}

fn function(
    draft: &mut Draft<'_>,
    node: &Spanned<String>,
    entry: &PluginEntry,
    is_known: bool,
    environment: &Environment<'_>,
) -> Option<Arc<dyn UserFunction>> {
    let name = &entry.name;
    let (plugin, _) = loaded(draft, name, environment)?;
    if !plugin.is(World::Aggregate) {
        return Some(Arc::new(NoAggregate(match plugin.world() {
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
    Some(Arc::new(AggregatePlugin {
        node: node.value.as_str().into(),
        name: name.value.clone(),
        plugin,
        config: config(entry.config.as_ref()),
        limits: limits(entry),
        clock: environment.clock.clone(),
        opened: Mutex::default(),
    }))
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
type Answer = Result<Arc<PluginAggregate>, String>;

/// A plugin that a query calls.
#[derive(Debug)]
struct AggregatePlugin {
    node: Arc<str>,
    name: String,
    plugin: Plugin,
    config: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
    /// The types that it was asked for: a planner asks often.
    opened: Mutex<Vec<(Vec<DataType>, Answer)>>,
}

// === impl AggregatePlugin ===

impl AggregatePlugin {
    fn first(&self, arguments: &[DataType]) -> Answer {
        let fields = (1..)
            .zip(arguments)
            .map(|(number, argument)| Field::new(format!("arg{number}"), argument.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let logger = Arc::new(NodeLogger {
            node: self.node.clone(),
        });
        let (plugin, config, limits) = (
            self.plugin.clone(),
            self.config.clone(),
            self.limits.clone(),
        );
        let open =
            move || Aggregate::open(&plugin, &config, &schema, limits.clone(), logger.clone());
        let first = open().map_err(|error| error.to_string())?;
        let title = format!("node `{}`: {}()", self.node, self.name);
        let clock = self.clock.clone();
        let aggregate = PluginAggregate::new(title, first, Box::new(open), clock);
        Ok(Arc::new(aggregate))
    }
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
        Ok(answer?)
    }
}
