//! What a plugin that writes to the outside world implements.

use crate::{Batch, Flushed, Input, Outcome, Result};

/// A step that writes batches to a system that the host has no connector for. It
/// is given all columns of its input.
///
/// An error of [`write`](Self::write) or [`flush`](Self::flush) says that no retry
/// will help; what may work later is [`Outcome::RetryAfter`]. A panic says nothing
/// about what was taken: the rows of that call are rejected, and a fresh instance is
/// offered again what was accepted and not yet flushed.
pub trait Sink: Sized + 'static {
    /// The step's `config:` in the manifest; [`NoConfig`](crate::NoConfig) where it
    /// takes none.
    type Config: serde::de::DeserializeOwned;

    /// Called once before any batch, and by `azud check`: refuses a configuration or
    /// a schema that cannot work. No side effects and no I/O: connect in the first
    /// `write`. After a trap a fresh instance is opened with the same arguments.
    fn open(config: Self::Config, input: &Input) -> Result<Self>;

    /// Takes a batch, and says what became of its rows. An error says that none was
    /// taken and that no retry will help: the step's `on_error` decides.
    fn write(&mut self, batch: &Batch) -> Result<Outcome>;

    /// Makes everything that was taken durable: called at the end of an epoch, and
    /// the host forgets where the rows came from only after [`Flushed::Done`]. An
    /// error fails the epoch.
    ///
    /// By default nothing is left to do: what `write` took is durable.
    fn flush(&mut self) -> Result<Flushed> {
        Ok(Flushed::Done)
    }
}

/// Exports a [`Sink`]: one line in the plugin's `lib.rs`, where no
/// [`transform!`](crate::transform) is.
///
/// A sink is built for `wasm32-wasip2`. Natively nothing is exported, so that the
/// crate's tests run.
#[macro_export]
macro_rules! sink {
    ($plugin:ty) => {
        $crate::__sink_glue!($plugin, {
            fn is_exported<T: $crate::Sink>() {}
            is_exported::<$plugin>();
        }, {
            $crate::guest::sink_macro::export!(Component with_types_in $crate::guest::sink_bindings);
        });
    };
}

/// What every export of a sink has: `$check` is compiled natively, `$export` beside the
/// `Component` of a guest.
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_glue {
    ($plugin:ty, $check:block, { $($export:tt)* }) => {
        #[doc(hidden)]
        const _ONE_PLUGIN_A_CRATE: () = ();

        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || $check;

        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        ::std::compile_error!(
            "a sink is built for wasm32-wasip2: add `[package.metadata.azud]` with `world = \"sink\"` to Cargo.toml and use `azud build`"
        );

        #[cfg(all(target_family = "wasm", not(target_os = "unknown")))]
        const _: () = {
            ::std::thread_local! {
                static OPENED: $crate::guest::sink::Opened<$plugin> = const { $crate::guest::sink::Opened::new() };
            }

            struct Component;

            impl $crate::guest::sink::Guest for Component {
                fn open(
                    config: ::std::string::String,
                    input: ::std::vec::Vec<$crate::guest::Field>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    OPENED.with(|opened| opened.open(&config, input))
                }

                fn write(batch: $crate::guest::Batch) -> $crate::guest::sink::Outcome {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.write(batch) })
                }

                fn flush() -> $crate::guest::sink::Flushed {
                    OPENED.with(|opened| opened.flush())
                }
            }

            $($export)*
        };
    };
}
