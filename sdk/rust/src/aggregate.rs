//! What a plugin that reduces groups implements.

mod migrate;

pub use migrate::{AggregateFormers, FormerState, MigrateAggregate};

use crate::{Batch, Columns, Members, Result, Signature};

/// An aggregate function, called from SQL: `SELECT user, top(amount) FROM orders GROUP BY user`.
///
/// The host keeps the groups. What is known of one is a row of *state*, in columns that
/// [`open`](Self::open) names: it is stored, moved between lanes, checkpointed, and given back.
/// While a call is at work a group is a [`Self::Group`]: made of its state by
/// [`load`](Self::load), and a state again by [`store`](Self::store).
///
/// Rows come in any order, and in any pieces: some are added to a group that begins empty,
/// somewhere else, and [`merge`](Self::merge) puts both together. So which of two groups is
/// merged into which must not matter, and adding rows to a group must give what merging it with
/// these rows alone gives. [`testing::reduce`](crate::testing::reduce) tries that.
pub trait Aggregate: Sized + 'static {
    /// The plugin's `config:` under `plugins` in the manifest; [`NoConfig`](crate::NoConfig)
    /// where it takes none.
    type Config: serde::de::DeserializeOwned;

    /// What is known of a group; the default is one without rows.
    type Group: Default;

    /// Called once before anything else, and by `azud check`: says which arguments the
    /// function takes, what is kept of a group, and what it gives. No side effects: after a
    /// trap a fresh instance is opened with the same arguments.
    fn open(config: Self::Config, signature: &mut Signature) -> Result<Self>;

    /// The groups that rows of state stand for, one a row.
    fn load(&mut self, states: &Batch) -> Result<Vec<Self::Group>>;

    /// Sets every column of the state, one value a group.
    fn store(&mut self, groups: &[Self::Group], states: &mut Columns) -> Result<()>;

    /// Adds rows to their groups: `members` says for each row which one. An error fails
    /// all rows; the host then halves them to find those that cause it, and rejects these.
    fn update(
        &mut self,
        groups: &mut [Self::Group],
        members: Members<'_>,
        rows: &Batch,
    ) -> Result<()>;

    /// Adds what is known of a group in another place. An error stops the pipeline.
    fn merge(&mut self, group: &mut Self::Group, other: Self::Group) -> Result<()>;

    /// Sets every column of the result, one value a group. A group may live on after that.
    /// An error stops the pipeline.
    fn finish(&mut self, groups: &[Self::Group], results: &mut Columns) -> Result<()>;
}

/// Exports an [`Aggregate`]: one line in the plugin's `lib.rs`, where no
/// [`transform!`](crate::transform) is. `Cargo.toml` says `world = "aggregate"` under
/// `[package.metadata.azud]`.
///
/// Natively nothing is exported, so that the crate's tests run.
#[macro_export]
macro_rules! aggregate {
    ($plugin:ty) => {
        $crate::__aggregate_glue!($plugin, (), open, {
            fn is_exported<T: $crate::Aggregate>() {}
            is_exported::<$plugin>();
        }, {
            $crate::guest::aggregate_macro::export!(Component with_types_in $crate::guest::aggregate_bindings);
        });
    };
}

/// What all aggregates export: `$former` is what one calls an earlier version, `$open` is what
/// opens one, `$check` holds the type against its trait, and `$more` is what else is exported.
#[doc(hidden)]
#[macro_export]
macro_rules! __aggregate_glue {
    ($plugin:ty, $former:ty, $open:ident, { $($check:tt)* }, { $($more:tt)* }) => {
        #[doc(hidden)]
        const _ONE_PLUGIN_A_CRATE: () = ();

        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            $($check)*
        };

        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static OPENED: $crate::guest::aggregate::Opened<$plugin, $former> = const { $crate::guest::aggregate::Opened::new() };
            }

            struct Component;

            impl $crate::guest::aggregate::Guest for Component {
                fn open(
                    config: ::std::string::String,
                    input: ::std::vec::Vec<$crate::guest::Field>,
                ) -> ::std::result::Result<$crate::guest::aggregate::Schemas, ::std::string::String> {
                    OPENED.with(|opened| opened.$open(&config, input))
                }

                fn update(
                    states: $crate::guest::Batch,
                    group_count: u32,
                    groups: ::std::vec::Vec<u8>,
                    rows: $crate::guest::Batch,
                ) -> ::std::result::Result<$crate::guest::Batch, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.update(states, group_count, groups, rows) })
                }

                fn merge(
                    states: $crate::guest::Batch,
                    group_count: u32,
                    groups: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<$crate::guest::Batch, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.merge(states, group_count, groups) })
                }

                fn finish(
                    states: $crate::guest::Batch,
                ) -> ::std::result::Result<$crate::guest::Batch, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.finish(states) })
                }
            }

            $($more)*
        };
    };
}
