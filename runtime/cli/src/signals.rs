//! SIGINT and SIGTERM: the first drains, the second stops at once.

use azud_engine::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::log;

/// The exit code of a program that a second Ctrl-C stopped.
const STOPPED: i32 = 130;

/// Listens on a thread of its own, so that a busy pipeline cannot delay it.
pub(crate) fn listen(stop: Stop) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    std::thread::Builder::new()
        .name("azud-signals".into())
        .spawn(move || {
            runtime.block_on(async {
                let mut next = async || {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                };
                next().await;
                stop.request();
                // Whoever does not read the log may not hold up the second signal.
                let tells = || tracing::info!("draining; Ctrl-C once more stops at once");
                let _ = std::thread::Builder::new().spawn(tells);
                next().await;
                tracing::warn!(
                    "stopped at once: what is not committed is rolled back by the next start"
                );
                // Whoever reads the log has what it can have at once.
                log::flush_at_once();
                std::process::exit(STOPPED);
            });
        })?;
    Ok(())
}
