//! The glue between the exports of a transform and an [`Instance`].

use std::cell::RefCell;

use crate::{Transform, instance::Instance, output::Finished, setup::Out};

/// What wit-bindgen makes of the contract: `tests/bindings.rs` writes it.
#[expect(
    missing_docs,
    unreachable_pub,
    reason = "generated; the contract in `wit/` is its documentation"
)]
#[rustfmt::skip]
pub mod bindings;

pub mod aggregate;

/// The same for an aggregate, which migrates or not; log lines, fields and batches are those of `bindings`.
#[expect(
    missing_docs,
    unreachable_pub,
    reason = "generated; the contract in `wit/` is its documentation"
)]
#[rustfmt::skip]
pub mod aggregate_bindings;

/// Exports an aggregate that does not migrate, with the types of `aggregate_bindings`.
#[rustfmt::skip]
pub mod aggregate_macro;

pub mod aggregate_migration;

pub mod keyed;

/// The same for a plugin with state, which migrates or not; log lines, fields and batches are those of `bindings`.
#[expect(
    missing_docs,
    unreachable_pub,
    reason = "generated; the contract in `wit/` is its documentation"
)]
#[rustfmt::skip]
pub mod keyed_bindings;

/// Exports a plugin with state that does not migrate, with the types of `keyed_bindings`.
#[rustfmt::skip]
pub mod keyed_macro;

pub mod migration;

#[cfg(not(target_os = "unknown"))]
pub mod epochs;
#[cfg(not(target_os = "unknown"))]
pub mod sink;

/// The same for a sink, with or without transactions; log lines, fields and batches are those of `bindings`. A
/// transform, which is built for no system, has nothing of it.
#[cfg(not(target_os = "unknown"))]
#[expect(
    missing_docs,
    unreachable_pub,
    reason = "generated; the contract in `wit/` is its documentation"
)]
#[rustfmt::skip]
pub mod sink_bindings;

/// Exports a sink without transactions, with the types of `sink_bindings`.
#[cfg(not(target_os = "unknown"))]
#[rustfmt::skip]
pub mod sink_macro;

pub use bindings::azud::plugin::types::{Batch, Field};
pub use bindings::exports::azud::plugin::transform::{Guest, Opened as Answer, Output};

use bindings::azud::plugin::types::Rejected;
use bindings::exports::azud::plugin::transform::Column;

/// The plugin of this instance, once `open` was called.
pub struct Opened<T>(RefCell<Option<Instance<T>>>);

// === impl Opened ===

impl<T: Transform> Opened<T> {
    /// Not opened yet.
    #[expect(
        clippy::new_without_default,
        reason = "made by the `transform!` macro only"
    )]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `open`.
    pub fn open(&self, config: &str, input: Vec<Field>) -> Result<Answer, String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let (instance, columns) =
            Instance::open(config, input).map_err(crate::Error::into_reason)?;
        self.0.replace(Some(instance));
        let columns_of_wit = columns.output.into_iter().map(|column| match column {
            Out::Carried(column) => Column::Carried(column),
            Out::Computed(fields) => Column::Computed(fields.into_iter().map(to_wit).collect()),
        });
        Ok(Answer {
            reads: columns.reads,
            columns: columns_of_wit.collect(),
        })
    }

    /// The export `process`.
    ///
    /// # Safety
    /// The batch is what the host sent for the columns that `open` named: its texts
    /// are not looked at again.
    pub unsafe fn process(&self, batch: Batch) -> Result<Output, String> {
        let mut opened = self.0.borrow_mut();
        let instance = opened
            .as_mut()
            .ok_or("`process` was called before `open`")?;
        let Finished {
            row_count,
            rows,
            buffers,
            rejected,
        } = instance
            .process(batch.rows as usize, &batch.buffers)
            .map_err(crate::Error::into_reason)?;
        let rejected = rejected.into_iter().map(|rejected| Rejected {
            row: rejected.row,
            reason: rejected.reason,
        });
        Ok(Output {
            rows,
            batch: Batch {
                rows: row_count as u32,
                buffers,
            },
            rejected: rejected.collect(),
        })
    }
}

/// The host shows the last line of a call that trapped: without this, a panic is a
/// bare `unreachable`.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        crate::log::debug(panic.to_string().replace('\n', " "));
    }));
}

fn from_wit(field: Field) -> crate::Field {
    crate::Field {
        name: field.name,
        format: field.format,
        nullable: field.nullable,
        children: field.children,
    }
}

fn to_wit(field: crate::Field) -> Field {
    Field {
        name: field.name,
        format: field.format,
        nullable: field.nullable,
        children: field.children,
    }
}
