//! The plan that runs, attempt by attempt: the same once more, or another one in its place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use azud_connect::Source;
use azud_model::Error;

use super::attempt::Attempt;
use super::open_reader::OpenReader;
use super::rollback::RunOptions;
use crate::change::{Asked, Kept};
use crate::control::Running;
use crate::plan::Plan;

/// The plan that runs, and what outlives its attempts.
pub(super) struct Now {
    pub(super) plan: Arc<Plan>,
    pub(super) sources: Vec<Arc<dyn Source>>,
    pub(super) attempt: Arc<Attempt>,
    /// Readers that the next attempt goes on with.
    pub(super) kept: Vec<OpenReader>,
}

// === impl Now ===

impl Now {
    pub(super) fn first(plan: Arc<Plan>) -> Self {
        Self {
            sources: plan.journaled(),
            plan,
            attempt: Arc::new(Attempt::first()),
            kept: Vec::new(),
        }
    }

    /// This run, as it can be asked.
    pub(super) fn running(&self) -> Running {
        let mut replaceable: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
        for one in &self.plan.replaceable {
            let of_name = replaceable.entry(one.name.clone()).or_default();
            of_name.push(one.replaceable.clone());
        }
        Running {
            plan: self.plan.clone(),
            replaceable,
            swaps: self.attempt.swaps.clone(),
            changing: self.attempt.changing.clone(),
            replays: self.attempt.replays.clone(),
        }
    }

    /// The same plan once more.
    pub(super) fn again(&mut self) {
        self.plan.cancel.renew();
        self.attempt = Arc::new(self.attempt.next());
    }

    /// Another plan goes on after the last epoch of this one.
    pub(super) fn change(&mut self, options: &mut RunOptions, readers: Vec<OpenReader>) {
        let Some(asked) = self.attempt.changing.take(&self.plan) else {
            return self.again();
        };
        let Asked {
            mut plan,
            changes,
            resets,
        } = asked;
        let kept = Kept::of(&self.plan, &plan, &changes);
        plan.adopt(&self.plan, &kept);
        let sources = kept.sources(&plan, &self.sources);
        self.keep(readers, &kept);
        options.allow_reset = resets;
        self.take_over(options, Arc::new(plan), sources);
        self.attempt = Arc::new(Attempt {
            allows_reset: true,
            is_change: true,
            ..self.attempt.next()
        });
    }

    /// If the attempt that failed was the first of a plan that took the place of another, that one
    /// goes on.
    pub(super) fn change_back(&mut self, options: &mut RunOptions, error: &Error) -> bool {
        // An epoch of it may be recorded: whoever reads the checkpoint knows.
        let has_begun = self.attempt.has_come_back.load(Ordering::Acquire);
        if has_begun && self.attempt.unsettled.load(Ordering::Acquire) {
            return false;
        }
        let Some((before, changes)) = self.attempt.changing.failed(error) else {
            return false;
        };
        let kept = Kept::of(&self.plan, &before, &changes);
        let sources = kept.sources(&before, &self.sources);
        let readers = std::mem::take(&mut self.kept);
        self.keep(readers, &kept);
        // Those that are left have given nothing since the record.
        if self.kept.is_empty() {
            before.tell_lost();
        }
        options.allow_reset = Vec::new();
        before.cancel.renew();
        self.take_over(options, before, sources);
        self.attempt = Arc::new(Attempt {
            allows_reset: false,
            ..self.attempt.next()
        });
        true
    }

    /// The next plan goes on with these readers, under its own numbers. One whose source is another
    /// one there is closed before that is opened.
    fn keep(&mut self, readers: Vec<OpenReader>, kept: &Kept) {
        let readers = readers.into_iter().filter_map(|reader| {
            let source = kept.source(reader.source)?;
            Some(OpenReader { source, ..reader })
        });
        self.kept = readers.collect();
    }

    fn take_over(&mut self, options: &RunOptions, plan: Arc<Plan>, sources: Vec<Arc<dyn Source>>) {
        let why = "another manifest takes over";
        for one in &self.plan.replaceable {
            if one.replaceable.end_shadow(why) {
                let mut others = plan.replaceable.iter();
                if let Some(other) = others.find(|other| other.name == one.name) {
                    other.replaceable.tell_shadow_ended(why);
                }
            }
        }
        // Those that are others are closed before their successors are opened.
        self.sources = sources;
        self.plan = plan;
        options.control.begin(self.running());
    }
}
