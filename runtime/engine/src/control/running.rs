//! The run that is asked, and its plugins by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::ControlError;
use crate::change::Changing;
use crate::plan::Plan;
use crate::replay::Replays;
use crate::swap::{Replaceable, Swaps};

/// Plugins of one name: several where a query calls a function for several types.
type Alike = Vec<Arc<dyn Replaceable>>;

/// A run, as it can be asked.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) plan: Arc<Plan>,
    /// By the name that records have: the node, or `node.function`.
    pub(crate) replaceable: BTreeMap<Arc<str>, Alike>,
    pub(crate) swaps: Arc<Swaps>,
    pub(crate) changing: Arc<Changing>,
    /// Dead letters that are to be replayed.
    pub(crate) replays: Arc<Replays>,
}

// === impl Running ===

impl Running {
    /// A node that calls one aggregate is known by its own name, too.
    pub(super) fn find(&self, node: &str) -> Result<(Arc<str>, Alike), ControlError> {
        if let Some((name, found)) = self.replaceable.get_key_value(node) {
            return Ok((name.clone(), found.clone()));
        }
        let of_node = |name: &Arc<str>| name.split_once('.').is_some_and(|(of, _)| of == node);
        let own = self.replaceable.iter().filter(|(name, _)| of_node(name));
        let own: Vec<_> = own.collect();
        match own.as_slice() {
            [(name, found)] => Ok(((*name).clone(), (*found).clone())),
            [] => Err(ControlError::NoNode(self.no_node(node))),
            several => {
                let names = several.iter().map(|(name, _)| format!("`{name}`"));
                let names: Vec<String> = names.collect();
                let names = names.join(", ");
                Err(ControlError::NoNode(format!(
                    "`{node}` calls several plugins: name one of {names}"
                )))
            }
        }
    }

    /// The one plugin of a node.
    pub(super) fn only(&self, node: &str) -> Result<Arc<dyn Replaceable>, ControlError> {
        let (name, found) = self.find(node)?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(ControlError::NoNode(self.no_node(node))),
            several => Err(ControlError::Refused(format!(
                "the query calls `{name}` for {} types of arguments, and a version beside it would \
                 be compared for one of them: try it with `azud test`, or let it take over",
                several.len()
            ))),
        }
    }

    fn no_node(&self, node: &str) -> String {
        let names = self.replaceable.keys().map(|name| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        match names.is_empty() {
            true => format!("no node `{node}` with a plugin: the pipeline has none"),
            false => format!(
                "no node `{node}` with a plugin: there are {}",
                names.join(", ")
            ),
        }
    }
}
