//! The tick: wasmtime's clock for deadlines.
//!
//! (wasmtime calls it an epoch; in azud an epoch is something else.)

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::Engine;

/// How exact deadlines are.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The number of ticks so far: all the time that this crate knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticks(Arc<AtomicU64>);

// === impl Ticks ===

impl Ticks {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts the thread. It ends by itself, a tick after the engine is gone.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticks = Self::default();
        let (counter, engine) = (ticks.clone(), engine.weak());
        thread::Builder::new()
            .name("azud-tick".into())
            .spawn(move || {
                while let Some(engine) = engine.upgrade() {
                    // Counted first: a call that the tick interrupts looks at the count.
                    counter.0.fetch_add(1, Ordering::SeqCst);
                    engine.increment_epoch();
                    drop(engine);
                    thread::sleep(TICK);
                }
            })?;
        Ok(ticks)
    }
}

/// How many ticks a call may see: never fewer than the deadline has, and one
/// more, as the current tick has already begun.
pub(crate) fn ticks(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_nanos().div_ceil(TICK.as_nanos()))
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}
