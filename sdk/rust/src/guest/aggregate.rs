//! The glue between the exports of an aggregate and an [`AggregateInstance`].

use std::cell::RefCell;

use super::{Batch, Field, from_wit, log_panics, to_wit};
use crate::{Aggregate, Error, instance::AggregateInstance};

pub use super::aggregate_bindings::exports::azud::plugin::aggregate::{Guest, Schemas};

/// The aggregate of this instance, once `open` was called; `F` is what it calls an earlier version.
pub struct Opened<A, F>(pub(super) RefCell<Option<AggregateInstance<A, F>>>);

// === impl Opened ===

impl<A: Aggregate, F> Opened<A, F> {
    /// Not opened yet.
    #[expect(clippy::new_without_default, reason = "made by the macro only")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `open`.
    pub fn open(&self, config: &str, input: Vec<Field>) -> Result<Schemas, String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let (instance, schemas) =
            AggregateInstance::open(config, input).map_err(Error::into_reason)?;
        self.0.replace(Some(instance));
        Ok(answered(schemas))
    }

    /// The export `update`.
    ///
    /// # Safety
    /// The batches are what the host sent for the schemas of `open`: their texts are not
    /// looked at again.
    pub unsafe fn update(
        &self,
        states: Batch,
        groups: u32,
        members: Vec<u8>,
        rows: Batch,
    ) -> Result<Batch, String> {
        self.answer(groups, |instance| {
            let states = (states.rows as usize, states.buffers.as_slice());
            let rows = (rows.rows as usize, rows.buffers.as_slice());
            instance.update(states, groups as usize, &members, rows)
        })
    }

    /// The export `merge`.
    ///
    /// # Safety
    /// As [`Self::update`].
    pub unsafe fn merge(
        &self,
        states: Batch,
        groups: u32,
        members: Vec<u8>,
    ) -> Result<Batch, String> {
        self.answer(groups, |instance| {
            let states = (states.rows as usize, states.buffers.as_slice());
            instance.merge(states, groups as usize, &members)
        })
    }

    /// The export `finish`.
    ///
    /// # Safety
    /// As [`Self::update`].
    pub unsafe fn finish(&self, states: Batch) -> Result<Batch, String> {
        self.answer(states.rows, |instance| {
            instance.finish((states.rows as usize, states.buffers.as_slice()))
        })
    }

    pub(super) fn answer(
        &self,
        rows: u32,
        call: impl FnOnce(&mut AggregateInstance<A, F>) -> crate::Result<Vec<Vec<u8>>>,
    ) -> Result<Batch, String> {
        let mut opened = self.0.borrow_mut();
        let instance = opened
            .as_mut()
            .ok_or("an aggregate is called before `open`")?;
        let buffers = call(instance).map_err(Error::into_reason)?;
        Ok(Batch { rows, buffers })
    }
}

pub(super) fn answered(schemas: crate::instance::Schemas) -> Schemas {
    Schemas {
        state: schemas.state.into_iter().map(to_wit).collect(),
        output: schemas.output.into_iter().map(to_wit).collect(),
    }
}
