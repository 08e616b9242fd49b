//! Finds files as they come and deals them to the readers, in one order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_connect::SourceContext;
use azud_model::{Clock, Error, Result};
use tokio::sync::Notify;

use super::find::Pattern;
use super::found::Found;
use super::place::Place;
use super::state::{End, Known, Rules, State};
use crate::FileSourceOptions;

/// Shared by the readers of a source.
pub(super) struct Dealer {
    pattern: Pattern,
    clock: Arc<dyn Clock>,
    rules: Rules,
    pub(super) poll: Duration,
    /// Held from listing files until they are taken over: a list that is older
    /// than what is known would make it forget files, and deal them again.
    looking: Mutex<()>,
    state: Mutex<State>,
    /// The last epoch, counted from 1, of which a reader has used up its share;
    /// and a call to the readers that wait for files: theirs ends with it.
    used_up: AtomicU64,
    pub(super) uses_up: Notify,
}

// === impl Dealer ===

impl Dealer {
    pub(super) fn new(
        options: &FileSourceOptions,
        context: &SourceContext,
        pattern: Pattern,
        places: HashMap<String, Place>,
    ) -> Arc<Self> {
        let settle = options.settle.map(Duration::from);
        Arc::new(Self {
            pattern,
            clock: context.clock.clone(),
            rules: Rules {
                settle: settle.unwrap_or(Duration::from_secs(if context.finite { 0 } else { 1 })),
                finite: context.finite,
                round: options.max_files.unwrap_or(u64::MAX).max(1),
            },
            poll: options
                .poll
                .map_or(Duration::from_millis(500), Duration::from),
            looking: Mutex::default(),
            state: Mutex::new(State {
                places,
                hands: vec![VecDeque::new()],
                ..State::default()
            }),
            used_up: AtomicU64::new(0),
            uses_up: Notify::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn resume(&self, places: HashMap<String, Place>) {
        self.state().places = places;
    }

    /// A reader has used up its share of an epoch.
    pub(super) fn use_up(&self, epoch: u64) {
        if self.used_up.fetch_max(epoch, Ordering::AcqRel) < epoch {
            self.uses_up.notify_waiters();
        }
    }

    /// Whether a reader has used up its share of that epoch.
    pub(super) fn is_used_up(&self, epoch: u64) -> bool {
        self.used_up.load(Ordering::Acquire) >= epoch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for the first time; returns how many files there are to read, of a
    /// finite run those included that have to settle first.
    pub(super) async fn open(self: &Arc<Self>) -> Result<usize> {
        let dealer = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            dealer.pattern.check()?;
            for warning in dealer.look()? {
                tracing::warn!("{warning}");
            }
            let state = dealer.state();
            let dealt: usize = state.hands.iter().map(VecDeque::len).sum();
            Ok(dealt + state.settling())
        });
        opened
            .await
            .map_err(|error| Error::internal("file").because(error))?
    }

    /// From now on there are so many readers.
    pub(super) fn deal_to(&self, readers: usize) {
        let mut state = self.state();
        let files: Vec<_> = state.hands.drain(..).flatten().collect();
        state.hands = vec![VecDeque::new(); readers];
        state.dealt = 0;
        for (file, place) in files {
            state.deal(self.rules.round, file, place);
        }
    }

    /// Whether a file waits for that reader.
    pub(super) fn has(&self, reader: usize) -> bool {
        self.state()
            .hands
            .get(reader)
            .is_some_and(|hand| !hand.is_empty())
    }

    /// The next file of that reader.
    pub(super) fn take(&self, reader: usize) -> Option<(Found, Place)> {
        self.state().hands.get_mut(reader)?.pop_front()
    }

    /// Whether that file is still there, as far as is known, and nothing more is to be read of it.
    pub(super) fn has_ended(&self, name: &str) -> bool {
        let state = self.state();
        matches!(state.known.get(name), Some(Known::Read(..) | Known::Left))
    }

    /// The places of an earlier run that no reader has come to: they are as good as before.
    pub(super) fn untouched(&self) -> Vec<(String, Place)> {
        let state = self.state();
        let dealt = state.hands.iter().flatten();
        let begun = dealt.filter(|(_, place)| place.next > 0);
        let begun = begun.map(|(file, place)| (file.name.clone(), *place));
        // Those that have not settled are not dealt yet.
        let others = state.finished.iter().chain(&state.places);
        begun
            .chain(others.map(|(name, place)| (name.clone(), *place)))
            .collect()
    }

    /// Of these, the files that are not read to their ends.
    pub(super) fn begun(&self) -> Vec<String> {
        let state = self.state();
        let dealt = state.hands.iter().flatten();
        let dealt = dealt.filter(|(_, place)| place.next > 0 && !place.done);
        let others = state.places.iter().filter(|(_, place)| !place.done);
        let others = others.map(|(name, _)| name.clone());
        dealt
            .map(|(file, _)| file.name.clone())
            .chain(others)
            .collect()
    }

    /// A reader has read a file to its end.
    pub(super) fn ended(&self, name: &str, end: &End, line: u64) {
        let warning = self.state().ended(name, end, line);
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
    }

    /// Looks for new files, unless that was done a moment ago; false if there never will be any.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<bool> {
        if self.has_all() {
            return Ok(false);
        }
        if self.is_due() {
            let dealer = self.clone();
            // Whoever asked may be gone when the answer is there: it is kept in the hands.
            let looked = tokio::task::spawn_blocking(move || -> Result<()> {
                for warning in dealer.look()? {
                    tracing::warn!("{warning}");
                }
                Ok(())
            });
            looked
                .await
                .map_err(|error| Error::internal("file").because(error))??;
        }
        Ok(!self.has_all())
    }

    /// Whether all that will ever be dealt was dealt.
    fn has_all(&self) -> bool {
        self.rules.finite && self.state().settling() == 0
    }

    fn is_due(&self) -> bool {
        let now = self.clock.elapsed();
        let due = |looked| now.saturating_sub(looked) >= self.poll;
        self.state().looked.is_none_or(due)
    }

    /// Looks now, if it is due; returns what a person has to be told.
    pub(super) fn look(&self) -> Result<Vec<String>> {
        let looking = self.looking.lock();
        let _looking = looking.unwrap_or_else(PoisonError::into_inner);
        // Whoever was waited for has looked for all.
        if !self.is_due() {
            return Ok(Vec::new());
        }
        let files = self.pattern.files()?;
        let listed: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let mut missed: Vec<String> = {
            let state = self.state();
            let gone = state.known.keys().chain(state.places.keys());
            gone.filter(|name| !listed.contains(name.as_str()))
                .cloned()
                .collect()
        };
        missed.retain(|name| self.pattern.may_hide(name));
        let clock = self.clock.as_ref();
        Ok(self.state().take(files, missed, &self.rules, clock))
    }
}
