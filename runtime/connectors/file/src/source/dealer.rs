//! Finds files as they come and deals them to the readers, in one order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_connect::SourceContext;
use azud_model::{Clock, Error, Result};

use super::find::{Found, Pattern};
use super::place::Place;
use crate::FileSourceOptions;

/// Shared by the readers of a source.
pub(super) struct Dealer {
    pattern: Pattern,
    clock: Arc<dyn Clock>,
    settle: Duration,
    pub(super) poll: Duration,
    finite: bool,
    /// Every so many files a new round starts, so that each reader's part of an
    /// epoch's files is what its share allows.
    round: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Files that were dealt, or waiting to be settled, by name. One that is
    /// not there any more is forgotten: so this is never larger than what
    /// listing the folder takes.
    known: HashMap<String, Known>,
    /// Where files of an earlier run go on.
    places: HashMap<String, Place>,
    /// Files that an earlier run read to their end.
    finished: HashMap<String, Place>,
    hands: Vec<VecDeque<(Found, Place)>>,
    dealt: u64,
    looked: Option<Duration>,
}

enum Known {
    Dealt,
    /// Its time and size, and since when it has had them.
    Settling(i64, u64, Duration),
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
        let settle = settle.unwrap_or(Duration::from_secs(if context.finite { 0 } else { 1 }));
        Arc::new(Self {
            pattern,
            clock: context.clock.clone(),
            settle,
            poll: options
                .poll
                .map_or(Duration::from_millis(500), Duration::from),
            finite: context.finite,
            round: options.max_files.unwrap_or(u64::MAX).max(1),
            state: Mutex::new(State {
                places,
                hands: vec![VecDeque::new()],
                ..State::default()
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for the first time; returns how many files there are to read.
    pub(super) async fn open(self: &Arc<Self>) -> Result<usize> {
        let dealer = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            dealer.pattern.check()?;
            dealer.look()?;
            Ok(dealer.state().hands.iter().map(VecDeque::len).sum())
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
            state.deal(self.round, file, place);
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

    /// Whether that file is still there, as far as is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.state().known.contains_key(name)
    }

    /// The places of an earlier run that no reader has come to: they are as good as before.
    pub(super) fn untouched(&self, reader: usize) -> Vec<(String, Place)> {
        let state = self.state();
        let hand = state.hands.get(reader).into_iter().flatten();
        let begun = hand.filter(|(_, place)| place.next > 0);
        let begun = begun.map(|(file, place)| (file.name.clone(), *place));
        // Finished files have no reader; one of them has to speak for them.
        let finished = state.finished.iter().filter(|_| reader == 0);
        begun
            .chain(finished.map(|(name, place)| (name.clone(), *place)))
            .collect()
    }

    /// Looks for new files, unless that was done a moment ago; false if there never will be any.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<bool> {
        if self.finite {
            return Ok(false);
        }
        let now = self.clock.elapsed();
        let due = |looked| now.saturating_sub(looked) >= self.poll;
        if self.state().looked.is_none_or(due) {
            let dealer = self.clone();
            // Whoever asked may be gone when the answer is there: it is kept in the hands.
            let looked = tokio::task::spawn_blocking(move || dealer.look());
            looked
                .await
                .map_err(|error| Error::internal("file").because(error))??;
        }
        Ok(true)
    }

    fn look(&self) -> Result<()> {
        let files = self.pattern.files()?;
        let now = self.clock.elapsed();
        let wall_ms = self.clock.wall_ms();
        let mut state = self.state();
        state.looked = Some(now);
        let mut known = HashMap::with_capacity(files.len());
        for file in files {
            let earlier = state.known.remove(&file.name);
            let fate = match earlier {
                Some(Known::Dealt) => Known::Dealt,
                earlier if self.has_settled(&file, &earlier, now, wall_ms) => {
                    let place = state.places.remove(&file.name).unwrap_or_default();
                    match place.done {
                        true => drop(state.finished.insert(file.name.clone(), place)),
                        false => state.deal(self.round, file.clone(), place),
                    }
                    Known::Dealt
                }
                Some(Known::Settling(time, size, since))
                    if (time, size) == (file.modified_ms, file.size) =>
                {
                    Known::Settling(time, size, since)
                }
                _ => Known::Settling(file.modified_ms, file.size, now),
            };
            known.insert(file.name, fate);
        }
        state.finished.retain(|name, _| known.contains_key(name));
        state.known = known;
        Ok(())
    }

    /// Whether a file has not changed for long enough: by its time, or where
    /// clocks differ by having been looked at before.
    fn has_settled(
        &self,
        file: &Found,
        earlier: &Option<Known>,
        now: Duration,
        wall_ms: i64,
    ) -> bool {
        let age = wall_ms.saturating_sub(file.modified_ms);
        let settle = i64::try_from(self.settle.as_millis()).unwrap_or(i64::MAX);
        let watched = match earlier {
            Some(Known::Settling(time, size, since))
                if (*time, *size) == (file.modified_ms, file.size) =>
            {
                now.saturating_sub(*since) >= self.settle
            }
            _ => false,
        };
        self.settle.is_zero() || age >= settle || watched
    }
}

// === impl State ===

impl State {
    fn deal(&mut self, round: u64, file: Found, place: Place) {
        let readers = self.hands.len().max(1) as u64;
        let reader = self.dealt % round % readers;
        self.dealt += 1;
        let hand = usize::try_from(reader)
            .ok()
            .and_then(|reader| self.hands.get_mut(reader));
        if let Some(hand) = hand {
            hand.push_back((file, place));
        }
    }
}
