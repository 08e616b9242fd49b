//! Times of keys: timers, and when rows are to be forgotten.

use super::store::Store;

// === impl Store ===

impl Store {
    /// Looks at a key when a row of it expires.
    pub(super) fn look(&mut self, key: u64, expires: i64) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if expires == i64::MAX || entry.looked_at.is_some_and(|at| at <= expires) {
            return;
        }
        if let Some(at) = entry.looked_at.replace(expires) {
            self.looks.remove(&(at, key));
        }
        self.looks.insert((expires, key));
    }

    /// Forgets rows that have expired.
    pub(super) fn forget(&mut self, now: i64) {
        while let Some((at, key)) = self.looks.first().copied().filter(|(at, _)| *at <= now) {
            self.looks.remove(&(at, key));
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.looked_at = None;
            for (state, rows) in entry.states.iter_mut().enumerate() {
                for name in rows.forget(now) {
                    self.changed.entry((key, state, name)).or_insert(true);
                }
            }
            self.touched.insert(key);
            if let Some(expires) = entry.expires() {
                self.look(key, expires);
            }
        }
    }

    /// Time and key of the timers of a kind that are due up to a time.
    pub(super) fn due(&self, kind: u8, until: i64) -> impl Iterator<Item = (i64, u64)> {
        let timers = self.timers.get(usize::from(kind)).into_iter();
        timers.flat_map(move |timers| timers.range(..=(until, u64::MAX)).copied())
    }

    /// The time of the first timer of a kind.
    pub(super) fn first(&self, kind: u8) -> Option<i64> {
        let timers = self.timers.get(usize::from(kind))?;
        timers.first().map(|(time, _)| *time)
    }

    /// Sets a timer; it is there once.
    pub(super) fn set_timer(&mut self, key: u64, time: i64, kind: u8) {
        let timers = self.timers.get_mut(usize::from(kind));
        let Some((timers, entry)) = timers.zip(self.entries.get_mut(&key)) else {
            return;
        };
        if timers.insert((time, key)) {
            entry.timers.insert((kind, time));
            let change = (key, self.states.len(), timer_name(kind, time));
            self.changed.entry(change).or_insert(false);
        }
    }

    /// Removes a timer; whether there was one.
    pub(super) fn remove_timer(&mut self, key: u64, time: i64, kind: u8) -> bool {
        let timers = self.timers.get_mut(usize::from(kind));
        let Some((timers, entry)) = timers.zip(self.entries.get_mut(&key)) else {
            return false;
        };
        let is = timers.remove(&(time, key));
        if is {
            entry.timers.remove(&(kind, time));
            let change = (key, self.states.len(), timer_name(kind, time));
            self.changed.entry(change).or_insert(true);
            self.touched.insert(key);
        }
        is
    }
}

/// The name of a timer as a row: kind and time, in order.
fn timer_name(kind: u8, time: i64) -> Box<[u8]> {
    let mut name = Vec::with_capacity(9);
    name.push(kind);
    // The sign turned round: bytes in the order of times.
    name.extend((time as u64 ^ 1 << 63).to_be_bytes());
    name.into()
}

/// The kind and time of a name.
pub(super) fn timer_of(name: &[u8]) -> Option<(u8, i64)> {
    let (kind, time) = name.split_first()?;
    let time = u64::from_be_bytes(time.try_into().ok()?);
    Some((*kind, (time ^ 1 << 63) as i64))
}
