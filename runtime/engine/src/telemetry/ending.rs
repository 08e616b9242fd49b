//! How a run has ended, for those who wait for that.

use tokio::sync::watch;

/// How a run has ended, or why it failed; `None` before.
#[derive(Debug, Default)]
pub(super) struct Ending(watch::Sender<Option<Result<(), String>>>);

// === impl Ending ===

impl Ending {
    /// The run has ended.
    pub(super) fn tell(&self, ended: Result<(), String>) {
        self.0.send_replace(Some(ended));
    }

    pub(super) async fn told(&self) -> Result<(), String> {
        let mut told = self.0.subscribe();
        match told.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            // The sender lives as long as `self`.
            Err(_) => Ok(()),
        }
    }
}
