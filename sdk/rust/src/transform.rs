//! What a plugin implements.

use crate::{Batch, Output, Result, Setup};

/// A step that maps batches: filter, map, flat-map, sort within a batch.
///
/// Implement [`process`](Self::process) for the whole batch (fastest), or
/// [`row`](Self::row) for one row at a time (an error rejects that row only).
pub trait Transform: Sized + 'static {
    /// The step's `config:` in the manifest; [`NoConfig`] where it takes none.
    type Config: serde::de::DeserializeOwned;

    /// Called once before any batch, and by `azud check`: names the columns, and
    /// refuses a configuration or a schema that cannot work. No side effects:
    /// after a trap a fresh instance is opened with the same arguments.
    fn open(config: Self::Config, setup: &mut Setup) -> Result<Self>;

    /// Maps a batch. An error fails the whole batch; the host then halves it to
    /// find the rows that cause it, and treats those by the step's `on_error`.
    ///
    /// By default calls [`row`](Self::row) for each row.
    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        for row in 0..batch.rows() {
            let kept = out.kept();
            if let Err(error) = self.row(batch, row, out) {
                out.truncate(kept);
                out.reject(row, error.into_reason());
            }
        }
        Ok(())
    }

    /// Maps one row, where no column is computed: filters, and says what is
    /// rejected. An error rejects the row. By default the row is kept.
    fn row(&mut self, batch: &Batch, row: usize, out: &mut Output) -> Result<()> {
        let _ = batch;
        out.keep(row);
        Ok(())
    }
}

/// The configuration of a plugin that takes none: any key is refused.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Exports a [`Transform`]: one line in the plugin's `lib.rs`, where no
/// [`sink!`](crate::sink) is.
///
/// Natively nothing is exported, so that the crate's tests run.
#[macro_export]
macro_rules! transform {
    ($plugin:ty) => {
        #[doc(hidden)]
        const _ONE_PLUGIN_A_CRATE: () = ();

        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            fn is_exported<T: $crate::Transform>() {}
            is_exported::<$plugin>();
        };

        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static OPENED: $crate::guest::Opened<$plugin> = const { $crate::guest::Opened::new() };
            }

            struct Component;

            impl $crate::guest::Guest for Component {
                fn open(
                    config: ::std::string::String,
                    input: ::std::vec::Vec<$crate::guest::Field>,
                ) -> ::std::result::Result<$crate::guest::Answer, ::std::string::String> {
                    OPENED.with(|opened| opened.open(&config, input))
                }

                fn process(
                    batch: $crate::guest::Batch,
                ) -> ::std::result::Result<$crate::guest::Output, ::std::string::String> {
                    // SAFETY: only the host calls an export.
                    OPENED.with(|opened| unsafe { opened.process(batch) })
                }
            }

            $crate::guest::bindings::export!(Component with_types_in $crate::guest::bindings);
        };
    };
}
