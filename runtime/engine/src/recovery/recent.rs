//! The newest parts of a spool, in memory: in a running process they need not be read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of parts that are kept in memory, at most: what an epoch that takes a tenth of a second
/// gives, or the first parts of a longer one.
const LIMIT: usize = 64 << 20;

/// The parts of one sink that were written and are not passed on yet, as far as they fit.
#[derive(Clone, Default)]
pub(super) struct Recent(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    by_name: HashMap<String, Bytes>,
    bytes: usize,
}

// === impl Recent ===

impl Recent {
    /// Keeps a part, if it fits.
    pub(super) fn keep(&self, name: &str, part: &Bytes) {
        self.with(|parts| {
            if parts.bytes + part.len() <= LIMIT {
                parts.bytes += part.len();
                parts.by_name.insert(name.to_owned(), part.clone());
            }
        });
    }

    /// Gives a part away: it is needed once, unless something goes wrong.
    pub(super) fn take(&self, name: &str) -> Option<Bytes> {
        self.with(|parts| {
            let part = parts.by_name.remove(name)?;
            parts.bytes -= part.len();
            Some(part)
        })
    }

    /// Forgets all of them: their epochs will not be.
    pub(super) fn clear(&self) {
        self.with(|parts| *parts = Parts::default());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Parts) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_given_back_once() {
        let recent = Recent::default();
        let (part, large) = (Bytes::from("part"), Bytes::from(vec![0; LIMIT - 3]));
        recent.keep("a", &part);
        recent.keep("too much", &large);
        recent.keep("b", &part);
        assert_eq!(recent.take("too much"), None);
        assert_eq!(recent.take("a"), Some(part.clone()));
        assert_eq!(recent.take("a"), None);
        assert_eq!(recent.take("b"), Some(part));
        recent.keep("fits now", &large);
        recent.clear();
        assert_eq!(recent.take("fits now"), None);
        recent.keep("fits again", &large);
        assert_eq!(recent.take("fits again"), Some(large));
    }
}
