//! The partitions of a source, with trigger `continuous`: the slowest of those that may give
//! more says how far its event time has come.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use azud_model::Partition;
use azud_state::PartitionTime;

/// So many partitions are told apart: of more, the quietest ones hold up nobody.
const MOST: usize = 10_000;

/// Between two looks, so much silence counts at most.
const MOST_PASSED: Duration = Duration::from_secs(1);

/// So many are in a record.
const MOST_RECORDED: usize = 16;

/// What readers and lanes know of a source's partitions.
///
/// A partition counts from its first record on, or from when its reader says that it has some,
/// until the reader says that it has ended, or it has been quiet for too long (`idle`). While none
/// counts, the latest of all that there were does: nothing is known to be behind it.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    /// The readers that have not ended.
    readers: BTreeSet<usize>,
    open: HashMap<String, Open>,
    /// The latest event time of all partitions, those included that have ended.
    latest: Option<i64>,
    /// Whether there were more than are told apart.
    is_overfull: bool,
    /// When anybody last looked, so long after the run has started.
    looked: Option<Duration>,
}

#[derive(Debug)]
struct Open {
    reader: usize,
    /// The latest event time of its rows, once there is one.
    latest: Option<i64>,
    /// Whether rows have come of which none has a time that counts.
    is_untimed: bool,
    /// How many batches of rows it has given, and how many when anybody last looked.
    batches: u64,
    seen: u64,
    /// For how long it has given none.
    quiet: Duration,
    /// Whether that was too long when anybody last looked.
    is_idle: bool,
}

// === impl Partitions ===

impl Partitions {
    /// A reader begins.
    pub(crate) fn begin(&mut self, reader: usize) {
        self.readers.insert(reader);
    }

    /// A reader has ended.
    pub(crate) fn end(&mut self, reader: usize) {
        self.readers.remove(&reader);
        self.keep(reader, &[]);
    }

    /// Whether all readers have.
    pub(crate) fn have_ended(&self) -> bool {
        self.readers.is_empty()
    }

    /// A reader has got records.
    pub(crate) fn came(&mut self, reader: usize, partition: &Partition) {
        self.add(reader, &partition.name);
    }

    /// A lane has seen rows up to this time; `None` where no row has one that counts.
    pub(crate) fn gave(&mut self, partition: &str, latest: Option<i64>) {
        self.latest = self.latest.max(latest);
        // One that is not there any more has ended meanwhile.
        if let Some(open) = self.open.get_mut(partition) {
            open.latest = open.latest.max(latest);
            open.is_untimed = open.latest.is_none();
            // Rows without a time are no sign of life: a clock that is wrong holds up nobody.
            open.batches += u64::from(latest.is_some());
        }
    }

    /// Of a reader's partitions only these may give more.
    pub(crate) fn keep(&mut self, reader: usize, partitions: &[Arc<Partition>]) {
        let listed: HashSet<&str> = partitions.iter().map(|listed| &*listed.name).collect();
        self.open
            .retain(|name, open| open.reader != reader || listed.contains(&**name));
        for partition in partitions {
            if self.open.len() < MOST {
                self.add(reader, &partition.name);
            }
        }
    }

    /// How far event time has come: `None` before the first row, and while a partition that has
    /// records has given no row. After `idle` without a row a partition holds up nobody.
    pub(crate) fn look(&mut self, now: Duration, idle: Option<Duration>) -> Option<i64> {
        let passed = now.saturating_sub(self.looked.unwrap_or(now));
        self.looked = Some(now);
        // While lanes are busy nobody reads, and nobody looks: that is no silence.
        let passed = passed.min(MOST_PASSED);
        let mut slowest: Option<Option<i64>> = None;
        for open in self.open.values_mut() {
            if open.batches != open.seen {
                (open.seen, open.quiet) = (open.batches, Duration::ZERO);
            } else {
                open.quiet += passed;
            }
            open.is_idle = idle.is_some_and(|idle| open.quiet >= idle);
            let is_waited_for = !open.is_untimed && !self.is_overfull;
            if !open.is_idle && (open.latest.is_some() || is_waited_for) {
                slowest = Some(slowest.map_or(open.latest, |slowest| slowest.min(open.latest)));
            }
        }
        slowest.unwrap_or(self.latest)
    }

    /// Those that may give more, the slowest of them first, for a record.
    pub(crate) fn slowest(&self) -> Vec<PartitionTime> {
        let open = self.open.iter();
        let mut all: Vec<PartitionTime> = open
            .map(|(name, open)| PartitionTime {
                partition: name.clone(),
                latest: open.latest,
                idle: open.is_idle,
            })
            .collect();
        all.sort_by(|a, b| (a.idle, a.latest, &a.partition).cmp(&(b.idle, b.latest, &b.partition)));
        all.truncate(MOST_RECORDED);
        all
    }

    /// Adds a partition; one that is there is left as it is.
    fn add(&mut self, reader: usize, name: &str) {
        if self.open.contains_key(name) {
            return;
        }
        if self.open.len() >= MOST {
            self.is_overfull = true;
            let quietest = self.open.iter().max_by_key(|(_, open)| open.quiet);
            let quietest = quietest.map(|(name, _)| name.clone());
            self.open.remove(&quietest.unwrap_or_default());
        }
        let open = Open {
            reader,
            latest: None,
            is_untimed: false,
            batches: 0,
            seen: 0,
            quiet: Duration::ZERO,
            is_idle: false,
        };
        self.open.insert(name.to_owned(), open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn partition(name: &str) -> Arc<Partition> {
        Arc::new(Partition {
            source: "clicks".to_owned(),
            name: name.to_owned(),
        })
    }

    fn give(partitions: &mut Partitions, name: &str, latest: i64) {
        partitions.came(0, &partition(name));
        partitions.gave(name, Some(latest));
    }

    #[test]
    fn the_slowest_of_those_that_may_give_more_counts() {
        let mut partitions = Partitions::default();
        assert_eq!(partitions.look(SECOND, None), None);
        give(&mut partitions, "a", 100);
        assert_eq!(partitions.look(SECOND, None), Some(100));
        give(&mut partitions, "b", 50);
        assert_eq!(partitions.look(SECOND, None), Some(50));
        give(&mut partitions, "b", 40);
        assert_eq!(partitions.look(SECOND, None), Some(50), "its latest");
        partitions.keep(0, &[partition("a")]);
        assert_eq!(partitions.look(SECOND, None), Some(100), "b has ended");
        partitions.gave("b", Some(120));
        assert_eq!(partitions.look(SECOND, None), Some(100), "and stays so");
        partitions.begin(0);
        assert!(!partitions.have_ended());
        partitions.end(0);
        assert_eq!(partitions.look(SECOND, None), Some(120), "all have ended");
        assert!(partitions.have_ended());
    }

    #[test]
    fn one_that_has_records_is_waited_for() {
        let mut partitions = Partitions::default();
        give(&mut partitions, "a", 100);
        partitions.keep(1, &[partition("b")]);
        assert_eq!(partitions.look(SECOND, None), None);
        partitions.came(1, &partition("b"));
        partitions.gave("b", Some(7));
        assert_eq!(partitions.look(SECOND, None), Some(7));
        partitions.keep(0, &[]);
        assert_eq!(partitions.look(SECOND, None), Some(7), "another reader's");
    }

    #[test]
    fn one_that_is_quiet_for_too_long_holds_up_nobody() {
        let (mut partitions, idle) = (Partitions::default(), Some(3 * SECOND));
        give(&mut partitions, "a", 100);
        give(&mut partitions, "b", 50);
        assert_eq!(partitions.look(SECOND, idle), Some(50));
        for second in 2..4 {
            give(&mut partitions, "a", 110);
            assert_eq!(partitions.look(second * SECOND, idle), Some(50));
        }
        give(&mut partitions, "a", 110);
        assert_eq!(partitions.look(4 * SECOND, idle), Some(110));
        let record = |partition: &str, latest, idle| PartitionTime {
            partition: partition.to_owned(),
            latest: Some(latest),
            idle,
        };
        assert_eq!(
            partitions.slowest(),
            [record("a", 110, false), record("b", 50, true)]
        );
        give(&mut partitions, "b", 60);
        assert_eq!(partitions.look(5 * SECOND, idle), Some(60), "it is back");
        assert_eq!(
            partitions.look(60 * SECOND, idle),
            Some(60),
            "nobody looked: it may wait to be read"
        );
        partitions.look(61 * SECOND, idle);
        assert_eq!(
            partitions.look(62 * SECOND, idle),
            Some(110),
            "all are quiet"
        );
    }

    /// A clock that is wrong, as `max_ahead` finds: it is not waited for.
    #[test]
    fn one_without_a_time_holds_up_nobody() {
        let mut partitions = Partitions::default();
        give(&mut partitions, "a", 100);
        partitions.came(0, &partition("b"));
        assert_eq!(
            partitions.look(SECOND, None),
            None,
            "its rows are under way"
        );
        partitions.gave("b", None);
        assert_eq!(partitions.look(SECOND, None), Some(100));
        partitions.gave("b", Some(7));
        assert_eq!(partitions.look(SECOND, None), Some(7));
    }

    #[test]
    fn there_are_never_too_many() {
        let mut partitions = Partitions::default();
        give(&mut partitions, "first", 1);
        partitions.look(Duration::ZERO, None);
        partitions.look(SECOND / 2, None);
        partitions.look(SECOND, None);
        for number in 0..MOST {
            give(&mut partitions, &number.to_string(), 5);
        }
        assert_eq!(partitions.open.len(), MOST);
        assert_eq!(partitions.look(2 * SECOND, None), Some(5));
        let listed: Vec<Arc<Partition>> = (0..2 * MOST)
            .map(|number| partition(&number.to_string()))
            .collect();
        partitions.keep(0, &listed);
        assert_eq!(partitions.open.len(), MOST);
        give(&mut partitions, "last", 6);
        assert_eq!(partitions.look(3 * SECOND, None), Some(5));
    }
}
