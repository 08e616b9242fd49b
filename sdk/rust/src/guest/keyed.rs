//! The glue between the exports of a plugin with state and a [`KeyedInstance`].

use std::cell::RefCell;

use super::{Batch, Field, from_wit, log_panics, to_wit};
use crate::{
    Error, Keyed, Timer,
    instance::{Done, KeyedInstance, Work as Given},
    keyed::{Clocks, Declared, Kind},
};

pub use super::keyed_bindings::exports::azud::plugin::keyed::{
    Answer, Guest, Opened as Answered, Work,
};

use super::bindings::azud::plugin::types::Rejected;
use super::keyed_bindings::exports::azud::plugin::keyed as wit;

/// The plugin of this instance, once `open` was called; `F` is what it calls the states of an
/// earlier version.
pub struct Opened<K, F>(pub(super) RefCell<Option<KeyedInstance<K, F>>>);

// === impl Opened ===

impl<K: Keyed, F> Opened<K, F> {
    /// Not opened yet.
    #[expect(clippy::new_without_default, reason = "made by the macro only")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `open`.
    pub fn open(&self, config: &str, input: Vec<Field>, key: &[u32]) -> Result<Answered, String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let key = key.iter().map(|column| *column as usize).collect();
        let (instance, opened) =
            KeyedInstance::open(config, input, key).map_err(Error::into_reason)?;
        self.0.replace(Some(instance));
        Ok(answered(opened))
    }

    /// The export `process`.
    ///
    /// # Safety
    /// The work is what the host sent for what `open` answered: its texts are not looked at
    /// again.
    pub unsafe fn process(&self, work: Work) -> Result<Answer, String> {
        let mut opened = self.0.borrow_mut();
        let instance = opened
            .as_mut()
            .ok_or("`process` was called before `open`")?;
        process(instance, &work).map_err(Error::into_reason)
    }
}

pub(super) fn answered(opened: crate::instance::Opened) -> Answered {
    Answered {
        reads: opened.reads,
        states: opened.states.into_iter().map(state).collect(),
        output: opened.output.into_iter().map(to_wit).collect(),
        event_time: opened.event_time,
        event_timers: opened.event_timers,
        pending_timers: opened.pending_timers,
    }
}

fn process<K: Keyed, F>(instance: &mut KeyedInstance<K, F>, work: &Work) -> crate::Result<Answer> {
    let keys = work.keys.rows as usize;
    for (state, owned) in work.states.iter().enumerate() {
        let rows = (owned.rows.rows as usize, owned.rows.buffers.as_slice());
        instance.load(state, keys, rows, &owned.groups)?;
    }
    let done = instance.process(given(work))?;
    Ok(answer(instance, done))
}

/// What there is to do, but for states.
pub(super) fn given(work: &Work) -> Given<'_> {
    Given {
        keys: (work.keys.rows as usize, &work.keys.buffers),
        rows: (work.rows.rows as usize, &work.rows.buffers),
        members: &work.groups,
        due: timers(&work.due),
        pending: timers(&work.pending),
        clocks: Clocks {
            now: work.now,
            watermark: work.watermark,
        },
    }
}

pub(super) fn answer<K: Keyed, F>(instance: &KeyedInstance<K, F>, done: Done) -> Answer {
    let rejected = done.rejected.into_iter().map(|rejected| Rejected {
        row: rejected.row,
        reason: rejected.reason,
    });
    let changes = instance.changes().into_iter().map(|change| wit::Change {
        cleared: change.cleared,
        removed: owned(change.removed),
        put: owned(change.put),
    });
    Answer {
        output: batch(done.rows, done.buffers),
        rejected: rejected.collect(),
        changes: changes.collect(),
        deleted: to_timers(&done.deleted),
        set: to_timers(&done.set),
    }
}

pub(super) fn state(declared: Declared) -> wit::State {
    let (kind, keys) = match declared.kind {
        Kind::Value => (wit::Kind::Value, 0),
        Kind::List => (wit::Kind::List, 0),
        Kind::Map(keys) => (wit::Kind::Map, keys as u32),
    };
    wit::State {
        name: declared.name,
        kind,
        columns: declared.columns.into_iter().map(to_wit).collect(),
        keys,
        ttl: declared.ttl,
    }
}

fn owned(owned: crate::keyed::Owned) -> wit::Owned {
    wit::Owned {
        rows: batch(owned.rows, owned.buffers),
        groups: owned.groups,
    }
}

fn batch(rows: usize, buffers: Vec<Vec<u8>>) -> Batch {
    Batch {
        rows: rows as u32,
        buffers,
    }
}

fn timers(timers: &wit::Timers) -> Vec<(usize, Timer)> {
    let groups = timers.groups.as_chunks().0.iter();
    let groups = groups.map(|group| u32::from_le_bytes(*group) as usize);
    let times = timers.times.as_chunks().0.iter();
    let times = times.map(|time| i64::from_le_bytes(*time));
    let timers = times.zip(&timers.kinds);
    let timers = timers.map(|(time, kind)| match kind {
        0 => Timer::Event(time),
        _ => Timer::Processing(time),
    });
    groups.zip(timers).collect()
}

fn to_timers(timers: &[(usize, Timer)]) -> wit::Timers {
    let timers_of = || timers.iter().map(|(_, timer)| timer);
    let groups = timers.iter();
    wit::Timers {
        groups: groups
            .flat_map(|(key, _)| (*key as u32).to_le_bytes())
            .collect(),
        times: timers_of()
            .flat_map(|timer| timer.time().to_le_bytes())
            .collect(),
        kinds: timers_of()
            .map(|timer| match timer {
                Timer::Event(_) => 0,
                Timer::Processing(_) => 1,
            })
            .collect(),
    }
}
