//! What a plugin with state implements to go on with other states of earlier versions.

use super::{Context, Keyed, States, setup::Declaration};
use crate::Result;

/// A [`Keyed`] that converts what earlier versions of it have kept in other states: where a
/// checkpoint has these, each key is converted before the first row comes. Export it by
/// [`migrating_keyed!`](crate::migrating_keyed).
///
/// ```
/// # use azud_plugin::{Batch, Context, Emitter, Formers, Int64, Keyed, KeyedSetup, Migrate, NoConfig, Result, Value};
/// # struct Means { known: Value<(Int64, Int64)>, out: Emitter<Int64> }
/// # impl Keyed for Means {
/// #     type Config = NoConfig;
/// #     fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
/// #         Ok(Self { known: setup.value("total", &["sum", "rows"])?, out: setup.output(&["sum"])? })
/// #     }
/// #     fn rows(&mut self, _: &mut Context<'_>, _: &Batch, _: &[usize]) -> Result<()> { Ok(()) }
/// # }
/// impl Migrate for Means {
///     /// The version before kept a sum alone.
///     type Former = Value<Int64>;
///
///     fn former(&self, formers: &mut Formers<Value<Int64>>) -> Result<()> {
///         formers.version(|states| states.value("total", &["sum"]))
///     }
///
///     fn migrate(&mut self, former: &Value<Int64>, context: &mut Context<'_>) -> Result<()> {
///         if let Some(sum) = former.get(context) {
///             self.known.set(context, (sum, 0));
///         }
///         Ok(())
///     }
/// }
/// # azud_plugin::migrating_keyed!(Means);
/// ```
pub trait Migrate: Keyed {
    /// The states of an earlier version: a [`Value`](crate::Value), a [`List`](crate::List), a
    /// [`Map`](crate::Map), several in a struct; an enum where there are several versions.
    type Former: 'static;

    /// Declares the states of each earlier version, as its `open` did: in the same order, with
    /// the same names and types. For how long they were kept does not matter. Called after `open`.
    fn former(&self, formers: &mut Formers<Self::Former>) -> Result<()>;

    /// Converts one key: reads what the earlier version has kept, and puts what this one keeps.
    /// What is not put is not kept; timers stay, but for those that are deleted here. It may be
    /// called again for the same key. Rows cannot be given or rejected. An error, which names the
    /// key then, keeps this version from taking over: nothing is lost by it.
    fn migrate(&mut self, former: &Self::Former, context: &mut Context<'_>) -> Result<()>;
}

/// Takes the states of earlier versions.
pub struct Formers<F> {
    pub(crate) versions: Vec<(F, Vec<Declaration>)>,
}

// === impl Formers ===

impl<F> Formers<F> {
    pub(crate) fn new() -> Self {
        Self {
            versions: Vec::new(),
        }
    }

    /// Declares the states of a version.
    pub fn version(&mut self, declare: impl FnOnce(&mut States<'_>) -> Result<F>) -> Result<()> {
        let mut all = Vec::new();
        let former = declare(&mut States::kept_for_ever(&mut all))?;
        self.versions.push((former, all));
        Ok(())
    }
}

/// Exports a [`Migrate`]: one line in the plugin's `lib.rs`, in the place of
/// [`keyed!`](crate::keyed).
#[macro_export]
macro_rules! migrating_keyed {
    ($plugin:ty) => {
        $crate::__keyed_glue!($plugin, <$plugin as $crate::Migrate>::Former, open_migrating, {
            fn is_exported<T: $crate::Migrate>() {}
            is_exported::<$plugin>();
        }, {
            impl $crate::guest::migration::Guest for Component {
                fn former() -> ::std::vec::Vec<::std::vec::Vec<$crate::guest::migration::State>> {
                    OPENED.with(|opened| opened.former())
                }

                fn migrate(
                    version: u32,
                    work: $crate::guest::keyed::Work,
                ) -> ::std::result::Result<$crate::guest::keyed::Answer, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.migrate(version, work) })
                }
            }

            $crate::guest::keyed_bindings::export!(Component with_types_in $crate::guest::keyed_bindings);
        });
    };
}
