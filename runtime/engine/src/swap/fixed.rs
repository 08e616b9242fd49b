//! A plugin that cannot be replaced while it runs.

use std::sync::Arc;

use azud_sandbox::Plugin;

use super::staged::{Replaceable, Shadowing, Staged};
use crate::control::Component;
use crate::telemetry::{MeterCell, PluginMeter};

/// See the module.
pub(crate) struct Fixed {
    digest: String,
    name: String,
    why: &'static str,
    meter: Arc<MeterCell>,
}

// === impl Fixed ===

impl Fixed {
    /// Its calls are counted where `meter` says.
    pub(crate) fn new(plugin: &Plugin, why: &'static str, meter: Arc<MeterCell>) -> Self {
        Self {
            digest: plugin.digest().to_owned(),
            name: plugin.name().to_owned(),
            why,
            meter,
        }
    }
}

impl Replaceable for Fixed {
    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn plugin(&self) -> String {
        self.name.clone()
    }

    fn set_strict(&self, _: bool) {}

    fn set_meter(&self, meter: Arc<PluginMeter>) {
        self.meter.set(meter);
    }

    /// It writes in transactions: what it fails with ends the epoch anyway.
    fn begin_probation(&self) {}

    fn end_probation(&self) -> Result<(), String> {
        Ok(())
    }

    fn stage(self: Arc<Self>, _: &Component, _: usize) -> Result<Option<Box<dyn Staged>>, String> {
        Err(self.why.to_owned())
    }

    fn shadow(&self, _: &Component) -> Result<bool, String> {
        Err(self.why.to_owned())
    }

    fn shadowing(&self) -> Option<Shadowing> {
        None
    }

    fn why_shadow_ended(&self) -> Option<String> {
        None
    }

    fn end_shadow(&self, _: &str) -> bool {
        false
    }

    fn tell_shadow_ended(&self, _: &str) {}
}
