//! What a sink whose target has transactions implements beside [`Sink`].

use crate::{Flushed, Result, Sink};

/// A sink that shows each row once, also where the pipeline was killed and came back.
///
/// What is written becomes visible with its epoch and never in part:
///
/// ```text
/// recover   write*  flush  prepare(0)   commit(0)   write*  flush  prepare(1)   commit(1)
///                                     ^                                       ^
///                    the host records the epoch with the token: from here on it counts
/// ```
///
/// One instance has all rows, whatever the pipeline's `parallelism`, and `write` of the
/// next epoch never comes before `commit`. A fresh instance - after a trap, a timeout or a
/// restart - first gets `recover`; then `commit`, if the last recorded epoch may not be
/// committed; or the rows of the epoch that is under way once more. So `recover` and
/// `commit` are called again for what they may have done already.
///
/// An error of one of these calls stops the pipeline, with its text; what may work later is
/// [`Flushed::RetryAfter`].
///
/// ```
/// use azud_plugin::{Batch, Flushed, Identity, Input, NoConfig, Outcome, Result, Sink, TransactionalSink};
///
/// struct Table { rows: usize /* and a connection */ }
///
/// impl Sink for Table {
///     type Config = NoConfig;
///     fn open(_: NoConfig, _: &Input) -> Result<Self> { Ok(Self { rows: 0 }) }
///     fn write(&mut self, batch: &Batch) -> Result<Outcome> {
///         // INSERT, in a transaction that the first `write` of an epoch begins
///         self.rows += batch.rows();
///         Ok(Outcome::Accepted)
///     }
/// }
///
/// impl TransactionalSink for Table {
///     fn recover(&mut self, who: &Identity, last: Option<u64>) -> Result<Flushed> {
///         // ROLLBACK PREPARED all of `who` above `last`
///         Ok(Flushed::Done)
///     }
///     fn prepare(&mut self, epoch: u64) -> Result<Vec<u8>> {
///         // PREPARE TRANSACTION 'run/sink/epoch'
///         Ok(format!("orders/{epoch}").into_bytes())
///     }
///     fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
///         // COMMIT PREPARED, if it is still there
///         Ok(Flushed::Done)
///     }
///     fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
///         // ROLLBACK PREPARED
///         Ok(Flushed::Done)
///     }
/// }
///
/// azud_plugin::transactional_sink!(Table);
/// ```
pub trait TransactionalSink: Sink {
    /// The first call of an instance after `open`. Rolls back what this identity wrote or
    /// prepared after the epoch `last`; with `None`, everything that was not committed. What
    /// `last` has prepared stays: `commit` may follow.
    fn recover(&mut self, who: &Identity, last: Option<u64>) -> Result<Flushed>;

    /// Seals what was written since the last `prepare`, so that `commit` cannot fail for any
    /// reason of its own: after this it must outlast a crash, and still be invisible. Comes
    /// once an epoch, also when nothing was written. Answers the token: at most 1 MiB, which
    /// is all that `commit` and `abort` get. An error fails the epoch.
    fn prepare(&mut self, epoch: u64) -> Result<Vec<u8>>;

    /// Makes a prepared epoch visible, once, however often it is called.
    fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed>;

    /// Rolls back a prepared epoch that was not recorded: the pipeline stops, or nothing has
    /// come since the epoch before.
    fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed>;
}

/// Whose transactions these are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The random id of the checkpoint's run, the same after each restart. Empty in a
    /// pipeline without a checkpoint: such a run does not come back, and its epochs start at
    /// 0 each time, so an epoch of that number in the target is none of its own.
    pub run: String,
    /// The sink's name in the manifest.
    pub sink: String,
}

/// Exports a [`TransactionalSink`]: one line in the plugin's `lib.rs`, in the place of
/// [`sink!`](crate::sink).
///
/// It is built as a sink is, for `wasm32-wasip2` with `world = "sink"`.
#[macro_export]
macro_rules! transactional_sink {
    ($plugin:ty) => {
        $crate::__sink_glue!($plugin, {
            fn is_exported<T: $crate::TransactionalSink>() {}
            is_exported::<$plugin>();
        }, {
            impl $crate::guest::epochs::Guest for Component {
                fn recover(
                    who: $crate::guest::epochs::Identity,
                    last: ::std::option::Option<u64>,
                ) -> $crate::guest::sink::Flushed {
                    OPENED.with(|opened| opened.recover(who, last))
                }

                fn prepare(
                    epoch: u64,
                ) -> ::std::result::Result<::std::vec::Vec<u8>, ::std::string::String> {
                    OPENED.with(|opened| opened.prepare(epoch))
                }

                fn commit(
                    epoch: u64,
                    token: ::std::vec::Vec<u8>,
                ) -> $crate::guest::sink::Flushed {
                    OPENED.with(|opened| opened.commit(epoch, &token))
                }

                fn abort(
                    epoch: u64,
                    token: ::std::vec::Vec<u8>,
                ) -> $crate::guest::sink::Flushed {
                    OPENED.with(|opened| opened.abort(epoch, &token))
                }
            }

            $crate::guest::sink_bindings::export!(Component with_types_in $crate::guest::sink_bindings);
        });
    };
}
