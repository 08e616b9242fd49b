//! Dead letters that are replayed: the last rows of an epoch.

use arrow::array::UInt32Array;
use azud_model::{Batch, Result};

use super::Chain;
use super::by_lane::rows_by_lane;
use crate::replay::{Given, Injection};

// === impl Chain ===

impl Chain {
    /// Gives dead letters to those instances here that they are for: of `lanes` this one takes what
    /// belongs to it.
    pub(in crate::run) fn replay(&mut self, injection: &Injection, lanes: usize) -> Result<()> {
        for given in &injection.given {
            match given {
                Given::Records {
                    instance,
                    records,
                    attempt,
                } => {
                    if self.lane == 0 && self.has(*instance) {
                        self.decode(*instance, records, *attempt)?;
                    }
                }
                Given::Rows {
                    instance,
                    input,
                    exchange,
                    batch,
                } => {
                    if self.has(*instance)
                        && let Some(own) = self.own(batch, exchange.as_deref(), lanes)?
                    {
                        self.batch(*instance, *input, own)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn has(&self, instance: usize) -> bool {
        self.slot_of.get(instance).is_some_and(Option::is_some)
    }

    /// Of rows those that this lane takes.
    fn own(
        &self,
        batch: &Batch,
        exchange: Option<&[usize]>,
        lanes: usize,
    ) -> Result<Option<Batch>> {
        match exchange {
            Some(columns) if !columns.is_empty() && lanes > 1 => {
                let mut rows = rows_by_lane(batch, columns, lanes)?.into_iter();
                let own = rows.nth(self.lane).filter(|own| !own.is_empty());
                let own = own.map(|own| batch.take(&UInt32Array::from(own)));
                own.transpose()
            }
            _ => Ok((self.lane == 0).then(|| batch.clone())),
        }
    }
}
