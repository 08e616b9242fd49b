//! The partitions of a source, with trigger `continuous`: the slowest of those that may give
//! more says how far its event time has come.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use azud_model::Partition;
use azud_state::PartitionTime;

/// So many partitions are told apart: of more, the quietest ones hold up nobody.
const MOST: usize = 10_000;

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
}

#[derive(Debug)]
struct Open {
    reader: usize,
    /// The latest event time of its rows, once there is one.
    latest: Option<i64>,
    /// How many records it has given, and how many when anybody last looked.
    records: u64,
    seen: u64,
    /// Since when it is quiet, so long after the run has started; `None` until anybody looks.
    quiet: Option<Duration>,
    /// Whether that was for too long when anybody last looked.
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
    pub(crate) fn came(&mut self, reader: usize, partition: &Partition, records: u64) {
        if let Some(open) = self.entry(reader, &partition.name) {
            open.records += records;
        }
    }

    /// A lane has seen rows up to this time.
    pub(crate) fn gave(&mut self, partition: &str, latest: i64) {
        self.latest = self.latest.max(Some(latest));
        // One that is not there any more has ended meanwhile.
        if let Some(open) = self.open.get_mut(partition) {
            open.latest = open.latest.max(Some(latest));
        }
    }

    /// Of a reader's partitions only these may give more.
    pub(crate) fn keep(&mut self, reader: usize, partitions: &[Arc<Partition>]) {
        let is_listed = |name: &str| partitions.iter().any(|listed| listed.name == name);
        self.open
            .retain(|name, open| open.reader != reader || is_listed(name));
        for partition in partitions {
            self.entry(reader, &partition.name);
        }
    }

    /// How far event time has come: `None` before the first row, and while a partition that has
    /// records has given no row. After `idle` without a record a partition holds up nobody.
    pub(crate) fn look(&mut self, now: Duration, idle: Option<Duration>) -> Option<i64> {
        let mut slowest: Option<Option<i64>> = None;
        for open in self.open.values_mut() {
            if open.quiet.is_none() || open.records != open.seen {
                open.seen = open.records;
                open.quiet = Some(now);
            }
            let quiet = now.saturating_sub(open.quiet.unwrap_or(now));
            open.is_idle = idle.is_some_and(|idle| quiet >= idle);
            if !open.is_idle {
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

    /// The partition's place; one of another reader is that reader's.
    fn entry(&mut self, reader: usize, name: &str) -> Option<&mut Open> {
        if !self.open.contains_key(name) {
            if self.open.len() >= MOST {
                let quietest = self.open.iter();
                let quietest = quietest.min_by_key(|(_, open)| (open.quiet.is_none(), open.quiet));
                let quietest = quietest.map(|(name, _)| name.clone());
                self.open.remove(&quietest.unwrap_or_default());
            }
            let open = Open {
                reader,
                latest: None,
                records: 0,
                seen: 0,
                quiet: None,
                is_idle: false,
            };
            self.open.insert(name.to_owned(), open);
        }
        self.open.get_mut(name)
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
        partitions.came(0, &partition(name), 1);
        partitions.gave(name, latest);
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
        partitions.gave("b", 120);
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
        partitions.came(1, &partition("b"), 1);
        partitions.gave("b", 7);
        assert_eq!(partitions.look(SECOND, None), Some(7));
        partitions.keep(0, &[]);
        assert_eq!(partitions.look(SECOND, None), Some(7), "another reader's");
    }

    #[test]
    fn one_that_is_quiet_for_too_long_holds_up_nobody() {
        let (mut partitions, idle) = (Partitions::default(), Some(10 * SECOND));
        give(&mut partitions, "a", 100);
        give(&mut partitions, "b", 50);
        assert_eq!(partitions.look(SECOND, idle), Some(50));
        give(&mut partitions, "a", 110);
        assert_eq!(partitions.look(10 * SECOND, idle), Some(50));
        assert_eq!(partitions.look(11 * SECOND, idle), Some(110));
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
        assert_eq!(partitions.look(12 * SECOND, idle), Some(60), "it is back");
        assert_eq!(
            partitions.look(60 * SECOND, idle),
            Some(110),
            "all are quiet"
        );
    }

    #[test]
    fn there_are_never_too_many() {
        let mut partitions = Partitions::default();
        give(&mut partitions, "first", 1);
        partitions.look(SECOND, None);
        for number in 0..MOST {
            give(&mut partitions, &number.to_string(), 5);
        }
        assert_eq!(partitions.open.len(), MOST);
        assert_eq!(partitions.look(2 * SECOND, None), Some(5));
    }
}
