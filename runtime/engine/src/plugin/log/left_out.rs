//! Tells of lines that were left out where no other line follows.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::NodeLog;

/// How often it is looked.
const LOOKS: Duration = Duration::from_secs(1);

/// Tells for some nodes until it is dropped, and then the rest.
pub(crate) struct LeftOut {
    logs: Vec<Arc<NodeLog>>,
    looks: Option<JoinHandle<()>>,
}

// === impl LeftOut ===

impl LeftOut {
    /// Tells by a task of that runtime: a lane may be busy, or wait.
    pub(crate) fn tell(runtime: &Handle, logs: &[Arc<NodeLog>]) -> Self {
        let logs = logs.to_vec();
        let looks = (!logs.is_empty()).then(|| {
            let logs = logs.clone();
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(LOOKS).await;
                    logs.iter().for_each(|log| log.tell_settled());
                }
            })
        });
        Self { logs, looks }
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        if let Some(looks) = &self.looks {
            looks.abort();
        }
        self.logs.iter().for_each(|log| log.tell_rest());
    }
}
