//! An opened plugin, in terms of this crate's own types: what the guest's glue
//! and the test kit share.

mod aggregate;
mod keyed;
mod migrate;
mod migrate_aggregate;
mod sink;

pub(crate) use aggregate::{AggregateInstance, Rows, Schemas};
pub(crate) use keyed::{Done, KeyedInstance, Opened, Work};
pub(crate) use sink::SinkInstance;

use crate::{
    Batch, Field, Output, Result, Setup, Transform,
    batch::Read,
    config,
    output::{Computed, Finished},
    setup::Out,
};

/// A plugin and the columns that it named.
pub(crate) struct Instance<T> {
    plugin: T,
    read: Vec<Read>,
    computed: Vec<Computed>,
}

/// The columns that a plugin named, as they cross the boundary.
pub(crate) struct Columns {
    pub(crate) reads: Vec<u32>,
    pub(crate) output: Vec<Out>,
}

// === impl Instance ===

impl<T: Transform> Instance<T> {
    pub(crate) fn open(config: &str, input: Vec<Field>) -> Result<(Self, Columns)> {
        let config = config::parse(config)?;
        let mut setup = Setup::new(input);
        let plugin = T::open(config, &mut setup)?;
        let computed = setup.output.iter().filter_map(|column| match column {
            Out::Carried(_) => None,
            Out::Computed(fields) => Some(Computed::of(fields)),
        });
        let computed = computed.collect();
        let columns = Columns {
            reads: setup.reads,
            output: setup.output,
        };
        Ok((
            Self {
                plugin,
                read: setup.read,
                computed,
            },
            columns,
        ))
    }

    pub(crate) fn process(&mut self, rows: usize, buffers: &[Vec<u8>]) -> Result<Finished> {
        let batch = Batch {
            rows,
            buffers,
            reads: &self.read,
        };
        let mut output = Output::new(&self.computed, &batch);
        self.plugin.process(&batch, &mut output)?;
        output.finish()
    }
}
