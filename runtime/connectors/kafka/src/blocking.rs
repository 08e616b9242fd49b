//! Calls that block.

use azud_model::{Error, Result};
use tokio::task::spawn_blocking;

/// Does what blocks where nothing else waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| Error::internal("kafka: a call did not end").because(error))?
}
