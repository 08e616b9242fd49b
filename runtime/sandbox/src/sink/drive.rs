//! Runs a guest's future on the calling thread, within its limits.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::LazyLock,
    task::Poll,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::{
    GuestError, Limits,
    tick::{Ticks, ticks},
};

/// Moves the bytes of all sinks of the process; their code runs on their lanes.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        // Files are read and written there: not more at once than disks like.
        .max_blocking_threads(16)
        .thread_name("azud-sink-io")
        .enable_all()
        .build()
});

/// Runs `future` to its end. Time that it spends waiting counts for the timeout
/// only, time that it computes for the deadline as well.
pub(super) fn drive<F: Future>(
    future: F,
    limits: &Limits,
    clock: &Ticks,
    cancel: &CancellationToken,
) -> Result<F::Output, GuestError> {
    let computed = async {
        let mut future = pin!(future);
        let mut left = ticks(limits.deadline);
        poll_fn(|context| {
            let before = clock.now();
            let polled = future.as_mut().poll(context);
            left = left.saturating_sub(clock.now().saturating_sub(before));
            match polled {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending if left == 0 => Poll::Ready(Err(GuestError::Deadline {
                    limit: limits.deadline,
                })),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    runtime()?.block_on(async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(GuestError::Cancelled),
            answer = tokio::time::timeout(limits.timeout, computed) => {
                answer.unwrap_or(Err(GuestError::Timeout { limit: limits.timeout }))
            }
        }
    })
}

/// Waits, unless the pipeline ends.
pub(super) fn pause(duration: Duration, cancel: &CancellationToken) -> Result<(), GuestError> {
    runtime()?.block_on(async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(GuestError::Cancelled),
            () = tokio::time::sleep(duration) => Ok(()),
        }
    })
}

fn runtime() -> Result<&'static Runtime, GuestError> {
    RUNTIME.as_ref().map_err(|error| GuestError::Start {
        reason: format!("cannot start the i/o threads of sinks: {error}"),
    })
}
