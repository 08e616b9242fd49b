//! Trying again what failed because another system was away.

use azud_connect::Backoff;
use azud_model::{ErrorKind, Result};

/// Calls `attempt` until it succeeds or fails for another reason than `Unavailable`.
pub(super) async fn retry<T>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let mut backoff = Backoff::default();
    loop {
        match attempt().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                let pause = backoff.pause();
                tracing::warn!("{what}: {error}, trying again in {} ms", pause.as_millis());
                tokio::time::sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
}
