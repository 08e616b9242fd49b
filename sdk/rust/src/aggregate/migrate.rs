//! What an aggregate implements to go on with other states of earlier versions.

use crate::{Aggregate, Batch, Computed, Field, Result, Type, signature};

/// An [`Aggregate`] that converts what earlier versions of it have kept in other columns: where a
/// checkpoint has these, every state is converted before the first row comes. Export it by
/// [`migrating_aggregate!`](crate::migrating_aggregate).
///
/// ```
/// # use azud_plugin::{Aggregate, AggregateFormers, Batch, Builder, Columns, Int64, Members};
/// # use azud_plugin::{MigrateAggregate, NoConfig, Result, Signature};
/// # struct Mean;
/// # #[derive(Default)] struct Group { sum: i64, rows: i64 }
/// # impl Aggregate for Mean {
/// #     type Config = NoConfig;
/// #     type Group = Group;
/// #     fn open(_: NoConfig, signature: &mut Signature) -> Result<Self> {
/// #         signature.argument::<Int64>(0)?;
/// #         signature.state("sum", Int64).not_null();
/// #         signature.state("rows", Int64).not_null();
/// #         signature.output("mean", Int64);
/// #         Ok(Self)
/// #     }
/// #     fn load(&mut self, _: &Batch) -> Result<Vec<Group>> { Ok(Vec::new()) }
/// #     fn store(&mut self, _: &[Group], _: &mut Columns) -> Result<()> { Ok(()) }
/// #     fn update(&mut self, _: &mut [Group], _: Members<'_>, _: &Batch) -> Result<()> { Ok(()) }
/// #     fn merge(&mut self, _: &mut Group, _: Group) -> Result<()> { Ok(()) }
/// #     fn finish(&mut self, _: &[Group], _: &mut Columns) -> Result<()> { Ok(()) }
/// # }
/// impl MigrateAggregate for Mean {
///     /// There is one: an enum where there are several.
///     type Former = ();
///
///     /// The version before kept the sum, and the rows of either sign.
///     fn former(&self, formers: &mut AggregateFormers<()>) -> Result<()> {
///         formers.version(|state| {
///             for column in ["sum", "positive", "negative"] {
///                 state.column(column, Int64).not_null();
///             }
///             Ok(())
///         })
///     }
///
///     fn migrate(&mut self, _: &(), states: &Batch) -> Result<Vec<Group>> {
///         let column = |name| states.column::<Int64>(name);
///         let (sums, positive, negative) = (column("sum")?, column("positive")?, column("negative")?);
///         let number = |value: Option<i64>| value.unwrap_or_default();
///         let groups = sums.iter().zip(positive.iter().zip(negative.iter()));
///         let groups = groups.map(|(sum, (positive, negative))| Group {
///             sum: number(sum),
///             rows: number(positive) + number(negative),
///         });
///         Ok(groups.collect())
///     }
/// }
/// # azud_plugin::migrating_aggregate!(Mean);
/// ```
pub trait MigrateAggregate: Aggregate {
    /// What tells earlier versions apart: `()` where there is one, an enum where there are several.
    type Former: 'static;

    /// Declares the columns of the state of each earlier version, as its `open` did: in the same
    /// order, with the same names and types, and those never null that were so. Called after
    /// `open`.
    fn former(&self, formers: &mut AggregateFormers<Self::Former>) -> Result<()>;

    /// The groups that states of an earlier version stand for, one a row, as
    /// [`load`](Aggregate::load) makes them of its own: [`store`](Aggregate::store) makes states
    /// of them again. Merging what two states have become must give what their merged state
    /// becomes. It may be called again for the same states. An error keeps this version from
    /// taking over, and names the group: nothing is lost by it.
    fn migrate(&mut self, former: &Self::Former, states: &Batch) -> Result<Vec<Self::Group>>;
}

/// Takes the states of earlier versions of an aggregate.
pub struct AggregateFormers<F> {
    pub(crate) versions: Vec<(F, Vec<Field>)>,
}

/// The columns of the state of an earlier version.
pub struct FormerState {
    columns: Vec<Vec<Field>>,
}

// === impl AggregateFormers ===

impl<F> AggregateFormers<F> {
    pub(crate) fn new() -> Self {
        Self {
            versions: Vec::new(),
        }
    }

    /// Declares the state of a version, and answers with what
    /// [`migrate`](MigrateAggregate::migrate) tells it by.
    pub fn version(&mut self, declare: impl FnOnce(&mut FormerState) -> Result<F>) -> Result<()> {
        let mut state = FormerState {
            columns: Vec::new(),
        };
        let former = declare(&mut state)?;
        self.versions.push((former, state.columns.concat()));
        Ok(())
    }
}

// === impl FormerState ===

impl FormerState {
    /// Declares a column, as [`Signature::state`](crate::Signature::state) did.
    pub fn column<T: Type>(&mut self, name: &str, r#type: T) -> Computed<'_> {
        signature::add(&mut self.columns, vec![signature::leaf(name, &r#type)])
    }

    /// Declares a column of a nested type, as
    /// [`Signature::state_fields`](crate::Signature::state_fields) did.
    pub fn fields(&mut self, fields: Vec<Field>) -> Computed<'_> {
        signature::add(&mut self.columns, fields)
    }
}

/// Exports a [`MigrateAggregate`]: one line in the plugin's `lib.rs`, in the place of
/// [`aggregate!`](crate::aggregate).
#[macro_export]
macro_rules! migrating_aggregate {
    ($plugin:ty) => {
        $crate::__aggregate_glue!($plugin, <$plugin as $crate::MigrateAggregate>::Former, open_migrating, {
            fn is_exported<T: $crate::MigrateAggregate>() {}
            is_exported::<$plugin>();
        }, {
            impl $crate::guest::aggregate_migration::Guest for Component {
                fn former() -> ::std::vec::Vec<::std::vec::Vec<$crate::guest::Field>> {
                    OPENED.with(|opened| opened.former())
                }

                fn migrate(
                    version: u32,
                    states: $crate::guest::Batch,
                ) -> ::std::result::Result<$crate::guest::Batch, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.migrate(version, states) })
                }
            }

            $crate::guest::aggregate_bindings::export!(Component with_types_in $crate::guest::aggregate_bindings);
        });
    };
}
