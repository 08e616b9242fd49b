//! What a plugin with state implements.

mod context;
mod emitter;
mod list;
mod map;
mod migrate;
mod record;
mod setup;
mod slot;
mod value;

pub use context::{Context, Timer};
pub use emitter::Emitter;
pub use list::List;
pub use map::Map;
pub use migrate::{Formers, Migrate};
pub use record::{Cell, Item, Nullable, Record};
pub use setup::{KeyedSetup, States};
pub use value::Value;

pub(crate) use context::{Clocks, Timers};
pub(crate) use emitter::Emits;
pub(crate) use slot::{Change, Declared, Kind, Owned, Slot};

use crate::{Batch, Result};

/// A step that knows something of each key, and has timers: sessions, alerts when something does
/// *not* come, totals of one's own.
///
/// The manifest says which columns are the key (`key: [user]`). What is known of a key is in
/// [`Value`], [`List`] and [`Map`] states, which [`open`](Self::open) declares and the plugin
/// keeps as fields; the host stores them, checkpoints them, and moves them with their key. The
/// plugin itself must not remember anything else between calls: it may be opened anew at any time.
///
/// Rows of a key come in order, in any pieces. What becomes of them should not depend on how
/// they are cut: to give something once an epoch, set a timer of processing time for now.
pub trait Keyed: Sized + 'static {
    /// The step's `config:` in the manifest; [`NoConfig`](crate::NoConfig) where it takes none.
    type Config: serde::de::DeserializeOwned;

    /// Called once before anything else, and by `azud check`: says which columns it reads, what
    /// it keeps of a key, and what it gives. No side effects: after a trap a fresh instance is
    /// opened with the same arguments.
    fn open(config: Self::Config, setup: &mut KeyedSetup) -> Result<Self>;

    /// New rows of one key: `rows` are their numbers in the batch. An error fails all rows of
    /// the call; the host then halves them to find those that cause it, and rejects these. To
    /// [`reject`](Context::reject) a row is much cheaper.
    fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()>;

    /// A timer of one key is due: it is gone by now, and may be set again. An error rejects the
    /// timer. By default nothing happens.
    fn timer(&mut self, context: &mut Context<'_>, timer: Timer) -> Result<()> {
        let _ = (context, timer);
        Ok(())
    }
}

/// Exports a [`Keyed`]: one line in the plugin's `lib.rs`, where no
/// [`transform!`](crate::transform) is. `Cargo.toml` says `world = "keyed"` under
/// `[package.metadata.azud]`.
///
/// Natively nothing is exported, so that the crate's tests run.
#[macro_export]
macro_rules! keyed {
    ($plugin:ty) => {
        $crate::__keyed_glue!($plugin, (), open, {
            fn is_exported<T: $crate::Keyed>() {}
            is_exported::<$plugin>();
        }, {
            $crate::guest::keyed_macro::export!(Component with_types_in $crate::guest::keyed_bindings);
        });
    };
}

/// What all plugins with state export: the states of earlier versions are of type `$former`,
/// `$open` is what opens one, `$check` holds the type against its trait, and `$more` is what
/// else is exported.
#[doc(hidden)]
#[macro_export]
macro_rules! __keyed_glue {
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
                static OPENED: $crate::guest::keyed::Opened<$plugin, $former> = const { $crate::guest::keyed::Opened::new() };
            }

            struct Component;

            impl $crate::guest::keyed::Guest for Component {
                fn open(
                    config: ::std::string::String,
                    input: ::std::vec::Vec<$crate::guest::Field>,
                    key: ::std::vec::Vec<u32>,
                ) -> ::std::result::Result<$crate::guest::keyed::Answered, ::std::string::String> {
                    OPENED.with(|opened| opened.$open(&config, input, &key))
                }

                fn process(
                    work: $crate::guest::keyed::Work,
                ) -> ::std::result::Result<$crate::guest::keyed::Answer, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.process(work) })
                }
            }

            $($more)*
        };
    };
}
