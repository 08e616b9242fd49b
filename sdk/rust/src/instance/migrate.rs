//! An opened plugin with state that converts what earlier versions have kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Batch, Context, Error, Field, Formers, Migrate, Result, keyed::Timers};

use super::{
    KeyedInstance, Opened, Rows, Work,
    keyed::{Done, Former, load, state},
};

// === impl KeyedInstance ===

impl<K: Migrate> KeyedInstance<K, K::Former> {
    /// The plugin, and the states of the earlier versions that it knows.
    pub(crate) fn open_migrating(
        config: &str,
        input: Vec<Field>,
        key: Vec<usize>,
    ) -> Result<(Self, Opened)> {
        let (mut instance, opened) = Self::open(config, input, key)?;
        let mut formers = Formers::new();
        instance.plugin.former(&mut formers)?;
        let versions = formers.versions.into_iter();
        let versions = versions.map(|(handles, states)| Former {
            handles,
            states: states.iter().map(state).collect(),
            declared: states.into_iter().map(|(declared, _)| declared).collect(),
        });
        instance.formers = versions.collect();
        Ok((instance, opened))
    }

    /// Puts what an earlier version has kept of keys in a state of it.
    pub(crate) fn load_former(
        &self,
        version: usize,
        state: usize,
        keys: usize,
        rows: Rows<'_>,
        members: &[u8],
    ) -> Result<()> {
        let of_version = self.formers.get(version);
        let state = of_version.and_then(|version| version.states.get(state));
        let state = state.ok_or_else(|| Error::new("a former state was not declared"))?;
        load(state, keys, rows, members)
    }

    /// Converts keys; there are no rows, and no timer is due.
    pub(crate) fn migrate(&mut self, version: usize, work: Work<'_>) -> Result<Done> {
        // What a call that failed has given is not there.
        self.emits.take();
        let (count, buffers) = work.keys;
        for (_, slot) in &self.states {
            slot.begin(count);
        }
        let former = self.formers.get(version);
        let former = former.ok_or_else(|| Error::new("no such version was declared"))?;
        let keys = Batch {
            rows: count,
            buffers,
            reads: &self.key,
        };
        let mut pending: BTreeMap<usize, BTreeSet<_>> = BTreeMap::new();
        for (key, timer) in work.pending {
            pending.entry(key).or_default().insert(timer);
        }
        let (mut rejected, mut deleted, mut set) = (BTreeMap::new(), Vec::new(), Vec::new());
        for key in 0..count {
            let mut own = Timers {
                pending: Some(pending.remove(&key).unwrap_or_default()),
                ..Timers::default()
            };
            let told = (&mut rejected, 0);
            let mut context = Context::new(&keys, key, work.clocks, &mut own, told);
            self.plugin.migrate(&former.handles, &mut context)?;
            deleted.extend(own.deleted.into_iter().map(|timer| (key, timer)));
            set.extend(own.set.into_iter().map(|timer| (key, timer)));
        }
        match self.emits.take() {
            (0, buffers) => Ok(Done {
                rows: 0,
                buffers,
                rejected: Vec::new(),
                deleted,
                set,
            }),
            (rows, _) => Err(Error::new(format!(
                "`migrate` gives {rows} rows of output: it has none"
            ))),
        }
    }
}
