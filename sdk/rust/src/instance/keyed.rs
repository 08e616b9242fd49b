//! An opened plugin with state.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::{
    Batch, Context, Error, Field, Input, Keyed, KeyedSetup, Members, Result, Timer,
    batch::Read,
    config,
    keyed::{Change, Clocks, Declared, Emits, Slot, Timers},
    output::Rejected,
};

use super::Rows;

/// A plugin and what it named; `F` is what it calls the states of an earlier version.
pub(crate) struct KeyedInstance<K, F = ()> {
    pub(super) plugin: K,
    pub(super) key: Vec<Read>,
    read: Vec<Read>,
    pub(super) states: Vec<State>,
    pub(crate) formers: Vec<Former<F>>,
    pub(super) emits: Rc<dyn Emits>,
    pending_timers: bool,
}

/// The states of an earlier version.
pub(crate) struct Former<F> {
    pub(super) handles: F,
    pub(crate) declared: Vec<Declared>,
    pub(super) states: Vec<State>,
}

/// The columns of a state, and where its rows are during a call.
pub(super) type State = (Vec<Read>, Rc<dyn Slot>);

/// What a plugin named, as it crosses the boundary.
pub(crate) struct Opened {
    pub(crate) reads: Vec<u32>,
    pub(crate) states: Vec<Declared>,
    pub(crate) output: Vec<Field>,
    pub(crate) event_time: Option<u32>,
    pub(crate) event_timers: bool,
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "the test kit tells of all")
    )]
    pub(crate) pending_timers: bool,
}

/// What there is to do. Times are microseconds.
pub(crate) struct Work<'a> {
    pub(crate) keys: Rows<'a>,
    pub(crate) rows: Rows<'a>,
    pub(crate) members: &'a [u8],
    /// Key, and timer.
    pub(crate) due: Vec<(usize, Timer)>,
    pub(crate) pending: Vec<(usize, Timer)>,
    pub(crate) clocks: Clocks,
}

/// What became of it, but for states.
pub(crate) struct Done {
    pub(crate) rows: usize,
    pub(crate) buffers: Vec<Vec<u8>>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) deleted: Vec<(usize, Timer)>,
    pub(crate) set: Vec<(usize, Timer)>,
}

// === impl KeyedInstance ===

impl<K: Keyed, F> KeyedInstance<K, F> {
    pub(crate) fn open(config: &str, input: Vec<Field>, key: Vec<usize>) -> Result<(Self, Opened)> {
        let config = config::parse(config)?;
        let mut setup = KeyedSetup::new(Input::new(input), key);
        let plugin = K::open(config, &mut setup)?;
        let missing = || Error::new("`open` has not declared an output");
        let emits = setup.emits.clone().ok_or_else(missing)?;
        let key = setup.key_columns();
        let states = setup.states.iter().map(state);
        let instance = Self {
            plugin,
            key,
            states: states.collect(),
            formers: Vec::new(),
            read: setup.read,
            emits,
            pending_timers: setup.pending_timers,
        };
        let opened = Opened {
            reads: setup.reads,
            states: setup
                .states
                .into_iter()
                .map(|(declared, _)| declared)
                .collect(),
            output: setup.output,
            event_time: setup.event_time,
            event_timers: setup.event_timers,
            pending_timers: setup.pending_timers,
        };
        Ok((instance, opened))
    }

    /// Puts what is known of keys in a state.
    pub(crate) fn load(
        &self,
        state: usize,
        keys: usize,
        (rows, buffers): Rows<'_>,
        members: &[u8],
    ) -> Result<()> {
        let missing = || Error::new("a state was not declared");
        let state = self.states.get(state).ok_or_else(missing)?;
        load(state, keys, (rows, buffers), members)
    }

    /// What has become of the states, in the order in which they were declared.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.states.iter().map(|(_, slot)| slot.changes()).collect()
    }

    pub(crate) fn process(&mut self, work: Work<'_>) -> Result<Done> {
        // What a call that failed has given is not there.
        self.emits.take();
        let (count, buffers) = work.keys;
        let keys = Batch {
            rows: count,
            buffers,
            reads: &self.key,
        };
        let (rows, buffers) = work.rows;
        let batch = Batch {
            rows,
            buffers,
            reads: &self.read,
        };
        let mut of_key: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (row, key) in Members::new(work.members, rows, count)?.iter().enumerate() {
            if let Some(rows) = of_key.get_mut(key) {
                rows.push(row);
            }
        }
        let mut timers: BTreeMap<usize, Timers> = BTreeMap::new();
        for (key, timer) in work.due {
            timers.entry(key).or_default().due.insert(timer);
        }
        if self.pending_timers {
            for key in 0..count {
                timers.entry(key).or_default().pending = Some(BTreeSet::new());
            }
        }
        for (key, timer) in work.pending {
            let own = timers.entry(key).or_default();
            own.pending.get_or_insert_default().insert(timer);
        }
        let (mut rejected, mut deleted, mut set) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (key, rows) in of_key.iter().enumerate() {
            let mut own = timers.remove(&key).unwrap_or_default();
            if !rows.is_empty() {
                let told = (&mut rejected, batch.rows());
                let mut context = Context::new(&keys, key, work.clocks, &mut own, told);
                self.plugin.rows(&mut context, &batch, rows)?;
            }
            let mut chained = 0;
            while let Some(timer) = own.due.pop_first() {
                let told = (&mut rejected, 0);
                let mut context = Context::new(&keys, key, work.clocks, &mut own, told);
                self.plugin.timer(&mut context, timer)?;
                chained += chain(&mut own, timer, work.clocks.watermark, chained);
            }
            deleted.extend(own.deleted.into_iter().map(|timer| (key, timer)));
            set.extend(own.set.into_iter().map(|timer| (key, timer)));
        }
        let (rows, buffers) = self.emits.take();
        let rejected = rejected.into_iter();
        let rejected = rejected.map(|(row, reason)| Rejected { row, reason });
        Ok(Done {
            rows,
            buffers,
            rejected: rejected.collect(),
            deleted,
            set,
        })
    }
}

/// A state that was declared.
pub(super) fn state((declared, slot): &(Declared, Rc<dyn Slot>)) -> State {
    let columns = Input::new(declared.columns.clone()).read_all();
    (columns, slot.clone())
}

/// Puts rows in a state.
pub(super) fn load(
    (reads, slot): &State,
    keys: usize,
    (rows, buffers): Rows<'_>,
    members: &[u8],
) -> Result<()> {
    let owners: Vec<usize> = Members::new(members, rows, keys)?.iter().collect();
    let rows = Batch {
        rows,
        buffers,
        reads,
    };
    slot.load(keys, &rows, &owners)
}

/// So many timers that others have set are called at once; the host brings the rest.
const MAX_CHAIN: usize = 1_000;

/// Timers of event time that this one has set and that are due come in this call, in their
/// order: else what comes between them would depend on how many are due in a call. Answers how
/// many there are.
fn chain(timers: &mut Timers, timer: Timer, watermark: i64, chained: usize) -> usize {
    let Timer::Event(time) = timer else {
        return 0;
    };
    let last = timers.due.last().copied();
    // At the end of all input there may be no end of them.
    let is_open = watermark != i64::MAX && chained < MAX_CHAIN;
    let is_due = |next: &Timer| match next {
        Timer::Event(at) => {
            *at > time && *at <= watermark && (is_open || last.is_some_and(|last| *next <= last))
        }
        Timer::Processing(_) => false,
    };
    let come: Vec<Timer> = timers.set.iter().copied().filter(is_due).collect();
    for next in &come {
        timers.set.remove(next);
        // The host may have the same one, for another call.
        timers.deleted.insert(*next);
        timers.due.insert(*next);
    }
    come.len()
}
