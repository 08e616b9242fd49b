//! The glue between the export `migration` and a [`Migrate`].

use super::{
    Field, from_wit,
    keyed::{Answer, Answered, Opened, Work, answer, answered, given, state},
    log_panics,
};
use crate::{Error, Migrate, instance::KeyedInstance};

pub use super::keyed_bindings::exports::azud::plugin::keyed::State;
pub use super::keyed_bindings::exports::azud::plugin::migration::Guest;

// === impl Opened ===

impl<K: Migrate> Opened<K, K::Former> {
    /// The export `open`.
    pub fn open_migrating(
        &self,
        config: &str,
        input: Vec<Field>,
        key: &[u32],
    ) -> Result<Answered, String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let key = key.iter().map(|column| *column as usize).collect();
        let opened = KeyedInstance::open_migrating(config, input, key);
        let (instance, opened) = opened.map_err(Error::into_reason)?;
        self.0.replace(Some(instance));
        Ok(answered(opened))
    }

    /// The export `former`.
    pub fn former(&self) -> Vec<Vec<State>> {
        let opened = self.0.borrow();
        let formers = opened.iter().flat_map(|instance| &instance.formers);
        let formers = formers.map(|former| former.declared.iter().cloned().map(state).collect());
        formers.collect()
    }

    /// The export `migrate`.
    ///
    /// # Safety
    /// As that of `process`.
    pub unsafe fn migrate(&self, version: u32, work: Work) -> Result<Answer, String> {
        let mut opened = self.0.borrow_mut();
        let instance = opened
            .as_mut()
            .ok_or("`migrate` was called before `open`")?;
        migrate(instance, version as usize, &work).map_err(Error::into_reason)
    }
}

fn migrate<K: Migrate>(
    instance: &mut KeyedInstance<K, K::Former>,
    version: usize,
    work: &Work,
) -> crate::Result<Answer> {
    let keys = work.keys.rows as usize;
    for (state, owned) in work.states.iter().enumerate() {
        let rows = (owned.rows.rows as usize, owned.rows.buffers.as_slice());
        instance.load_former(version, state, keys, rows, &owned.groups)?;
    }
    let done = instance.migrate(version, given(work))?;
    Ok(answer(instance, done))
}
