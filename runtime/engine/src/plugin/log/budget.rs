//! How many lines a node may write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use azud_model::Clock;

/// So many seconds' worth of lines may be written at once.
const BURST: u64 = 2;

/// No second at all.
const NEVER: u64 = u64::MAX;

/// Lines that may be written, and those that were not. Shared by the lanes of a node: in a second in
/// which nothing may be written any more, asking takes no lock.
#[derive(Debug)]
pub(super) struct Budget {
    rate: u32,
    clock: Arc<dyn Clock>,
    room: Mutex<Room>,
    /// The second in which there is no room any more.
    full: AtomicU64,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Room {
    lines: u64,
    /// The second of the clock in which lines were added last.
    second: u64,
}

// === impl Budget ===

impl Budget {
    /// Two seconds' worth of lines at once, then `rate` a second, which are there when the clock's
    /// second begins.
    pub(super) fn new(rate: u32, clock: Arc<dyn Clock>) -> Self {
        let room = Room {
            lines: most(rate),
            second: clock.elapsed().as_secs(),
        };
        Self {
            rate,
            clock,
            room: Mutex::new(room),
            full: AtomicU64::new(NEVER),
            left_out: AtomicU64::new(0),
        }
    }

    /// Lines a second.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes the room of a line; answers how many were left out before it. `None`: there is none,
    /// and the line is counted.
    pub(super) fn take(&self) -> Option<u64> {
        let second = self.clock.elapsed().as_secs();
        if self.full.load(Ordering::Relaxed) == second || !self.take_room(second) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.rest())
    }

    fn take_room(&self, second: u64) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passed) = second.checked_sub(room.second) {
            let more = passed.saturating_mul(self.rate.into());
            room.lines = room.lines.saturating_add(more).min(most(self.rate));
            room.second = second;
        }
        match room.lines.checked_sub(1) {
            Some(lines) => room.lines = lines,
            None => {
                self.full.store(second, Ordering::Relaxed);
                return false;
            }
        }
        true
    }

    /// How many lines were left out, and nobody has been told; none while the second lasts in which
    /// there is no room: there will be more of them.
    pub(super) fn settled(&self) -> u64 {
        match self.full.load(Ordering::Relaxed) == self.clock.elapsed().as_secs() {
            true => 0,
            false => self.rest(),
        }
    }

    /// How many lines were left out, and nobody has been told.
    pub(super) fn rest(&self) -> u64 {
        match self.left_out.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.left_out.swap(0, Ordering::Relaxed),
        }
    }
}

fn most(rate: u32) -> u64 {
    u64::from(rate) * BURST
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azud_model::ManualClock;

    use super::*;

    fn taken(budget: &Budget, lines: usize) -> Vec<u64> {
        (0..lines).filter_map(|_| budget.take()).collect()
    }

    #[test]
    fn two_seconds_worth_at_once_then_so_many_a_second() {
        let clock = Arc::new(ManualClock::at(0));
        let budget = Budget::new(3, clock.clone());
        assert_eq!(taken(&budget, 10), [0; 6]);
        clock.advance(Duration::from_millis(999));
        assert_eq!(budget.take(), None);
        clock.advance(Duration::from_millis(1));
        // The first one that passes knows of those before it.
        assert_eq!(taken(&budget, 5), [5, 0, 0]);
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(taken(&budget, 10), [2, 0, 0, 0, 0, 0]);
        assert_eq!(budget.rest(), 4);
        assert_eq!(budget.rest(), 0);
    }

    #[test]
    fn what_was_left_out_is_settled_when_its_second_is_over() {
        let clock = Arc::new(ManualClock::at(0));
        let budget = Budget::new(1, clock.clone());
        assert_eq!(taken(&budget, 5), [0, 0]);
        assert_eq!(budget.settled(), 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(budget.settled(), 3);
        assert_eq!(budget.take(), Some(0));
    }

    #[test]
    fn without_a_rate_all_is_counted() {
        let budget = Budget::new(0, Arc::new(ManualClock::at(0)));
        assert_eq!(taken(&budget, 4), Vec::<u64>::new());
        assert_eq!(budget.rest(), 4);
    }

    #[test]
    fn lanes_together_lose_no_line() {
        let budget = Budget::new(50, Arc::new(azud_model::SystemClock::new()));
        let (told, written) = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| taken(&budget, 20_000)))
                .collect();
            let written = lanes.into_iter().flat_map(|lane| lane.join().unwrap());
            written.fold((0, 0), |(told, written), before| {
                (told + before, written + 1)
            })
        });
        assert!(written >= 100, "{written}");
        assert_eq!(told + written + budget.rest(), 80_000);
    }
}
