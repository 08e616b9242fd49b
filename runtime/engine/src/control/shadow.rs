//! A version is to run beside the one that serves.

use std::collections::BTreeMap;

use super::error::ControlError;
use super::handle::Control;
use super::reload::{Component, Reload, Reloaded};
use crate::swap::{Compared, Replaceable, Shadowing};

/// What came of a version that runs beside the one that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadowed {
    /// The sha256 of the version that serves.
    pub before: String,
    /// Of the one beside it.
    pub now: String,
    /// What was compared.
    pub compared: Compared,
}

// === impl Shadowed ===

impl Shadowed {
    fn new(serves: &dyn Replaceable, beside: Shadowing) -> Self {
        Self {
            before: serves.digest(),
            now: beside.digest,
            compared: beside.compared,
        }
    }
}

// === impl Control ===

impl Control {
    /// Lets a component run beside the version that serves, until it is promoted or forgotten, or
    /// another version or manifest takes over; one that did so before is forgotten. Blocks, for as
    /// long as compiling takes.
    ///
    /// # Errors
    /// Why it cannot; a sink never can. `Busy` while another version takes over.
    pub fn shadow_and_wait(&self, node: &str, component: &Component) -> Result<(), ControlError> {
        let running = self.begun().ok_or(ControlError::Ended)?;
        let replaceable = running.only(node)?;
        let begins = replaceable.shadow(component);
        match begins.map_err(|why| ControlError::Refused(format!("node `{node}`: {why}")))? {
            true => Ok(()),
            false => Err(ControlError::Busy(running.swaps.what())),
        }
    }

    /// What came of the version beside a node's so far.
    ///
    /// # Errors
    /// Where there is none.
    pub fn shadowed(&self, node: &str) -> Result<Shadowed, ControlError> {
        let running = self.running().ok_or(ControlError::Ended)?;
        let replaceable = running.only(node)?;
        let shadowing = replaceable
            .shadowing()
            .ok_or_else(|| no_shadow(node, &*replaceable))?;
        Ok(Shadowed::new(&*replaceable, shadowing))
    }

    /// The same of every node, or `node.function`, that has one.
    pub fn shadows(&self) -> Vec<(String, Shadowed)> {
        let running = self.running();
        let replaceable = running.iter().flat_map(|running| &running.replaceable);
        let each = replaceable.flat_map(|(name, of)| of.iter().map(move |one| (name, one)));
        let shadows = each.filter_map(|(name, one)| {
            let shadowed = Shadowed::new(&**one, one.shadowing()?);
            Some((name.to_string(), shadowed))
        });
        shadows.collect()
    }

    /// Lets the version beside a node's take over, as [`Self::reload_and_wait`] does.
    ///
    /// # Errors
    /// As there; where it is refused, the version stays beside the other.
    pub fn promote_and_wait(&self, node: &str) -> Result<Reloaded, ControlError> {
        let running = self.begun().ok_or(ControlError::Ended)?;
        let replaceable = running.only(node)?;
        let shadowing = replaceable
            .shadowing()
            .ok_or_else(|| no_shadow(node, &*replaceable))?;
        let nodes = BTreeMap::from([(node.to_owned(), shadowing.component)]);
        let reloaded = self.reload_and_wait(&Reload { nodes })?;
        replaceable.end_shadow("it ran already");
        Ok(reloaded)
    }

    /// Ends what runs beside a node's version.
    ///
    /// # Errors
    /// Where there is none.
    pub fn forget(&self, node: &str) -> Result<(), ControlError> {
        let running = self.running().ok_or(ControlError::Ended)?;
        let replaceable = running.only(node)?;
        replaceable
            .shadowing()
            .ok_or_else(|| no_shadow(node, &*replaceable))?;
        replaceable.end_shadow("it was forgotten");
        Ok(())
    }
}

fn no_shadow(node: &str, replaceable: &dyn Replaceable) -> ControlError {
    let why = replaceable.why_shadow_ended();
    let why = why.map_or(String::new(), |why| format!(": what did has ended, {why}"));
    ControlError::NoNode(format!(
        "nothing runs beside the plugin of `{node}`{why}; `azud reload --shadow 1m {node} x.wasm` \
         begins it"
    ))
}
