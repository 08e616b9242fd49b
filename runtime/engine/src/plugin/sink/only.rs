//! The one instance of a sink plugin with transactions, in each attempt at a plan.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_model::Result;

use super::transactions::Handle;

/// Opens the plugin anew.
type MakeHandle = Box<dyn Fn() -> Result<Handle> + Send + Sync>;

/// The way to the instance of the attempt that runs.
pub(crate) struct Only {
    current: Mutex<Arc<Handle>>,
    make: MakeHandle,
}

// === impl Only ===

impl Only {
    /// `first` serves the first attempt, `make` those after it.
    pub(crate) fn new(
        first: Handle,
        make: impl Fn() -> Result<Handle> + Send + Sync + 'static,
    ) -> Self {
        Self {
            current: Mutex::new(Arc::new(first)),
            make: Box::new(make),
        }
    }

    /// The one that serves now.
    pub(crate) fn current(&self) -> Arc<Handle> {
        self.lock().clone()
    }

    /// One that has not been given up: another one, where an attempt has ended.
    ///
    /// # Errors
    /// `Plugin` if it cannot be opened.
    pub(super) fn fresh(&self) -> Result<Arc<Handle>> {
        let mut current = self.lock();
        if current.is_given_up() {
            *current = Arc::new((self.make)()?);
        }
        Ok(current.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Handle>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
