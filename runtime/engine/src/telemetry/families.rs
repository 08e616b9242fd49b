//! Every family of metrics: `docs/metrics.md` has the same list, which a test holds.

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// A value as it is now.
    Gauge,
    /// Durations in buckets.
    Histogram,
    /// Always 1: what it says is in its labels.
    Info,
}

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Without the prefix `azud_`, the unit, and `_total` or `_info`.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its unit, the last part of the name; empty where it has none.
    pub(super) unit: &'static str,
    /// Its labels, beside `pipeline`.
    pub(super) labels: &'static [&'static str],
    /// What it means, without a full stop.
    pub(super) help: &'static str,
}

// === impl Family ===

#[cfg(test)]
impl Family {
    /// The name that queries have: that of its samples, of a histogram without `_bucket` and
    /// the like.
    fn full_name(&self) -> String {
        let unit = match self.unit {
            "" => String::new(),
            unit => format!("_{unit}"),
        };
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("azud_{}{unit}{suffix}", self.name)
    }
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$unit:literal] $labels:expr, $help:literal;)*) => {
        $(pub(super) static $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            unit: $unit,
            labels: &$labels,
            help: $help,
        };)*

        /// Every family, in the order in which they are served.
        #[cfg(test)]
        static FAMILIES: &[&Family] = &[$(&$id),*];
    };
}

families! {
    BUILD: Info "build" [""] ["version"],
        "The azud that runs";
    START_TIME: Gauge "start_timestamp" ["seconds"] [],
        "When the process was started, since 1970";
    READY: Gauge "ready" [""] [],
        "1 while the pipeline reads, else 0: as /ready says";
    INPUT_ROWS: Counter "node_input" ["rows"] ["node"],
        "Rows that came into a node as they come, of a source records; those that are rolled back and computed again count once";
    OUTPUT_ROWS: Counter "node_output" ["rows"] ["node"],
        "Rows that a node gave";
    REJECTED_ROWS: Counter "node_rejected" ["rows"] ["node"],
        "Rows that a node rejected";
    LATE_ROWS: Counter "node_late" ["rows"] ["node"],
        "Rows that came too late for a node's windows";
    SOURCE_RECORDS: Counter "source_read" ["records"] ["node"],
        "Records that a source's readers gave; those that are read again after a rollback count again";
    SOURCE_BYTES: Counter "source_read" ["bytes"] ["node"],
        "The bytes of those records; 0 of a source that makes columns itself";
    SOURCE_LAG: Gauge "source_lag" ["records"] ["node", "partition"],
        "Records behind the end of a partition, where the source knows it";
    WATERMARK: Gauge "source_watermark_timestamp" ["seconds"] ["node"],
        "The watermark of a source with the last committed epoch, since 1970";
    EVENT_TIME_LAG: Gauge "source_event_time_lag" ["seconds"] ["node"],
        "How far the watermark is behind the clock";
    EPOCHS: Counter "committed" ["epochs"] [],
        "Epochs that were committed";
    ROLLBACKS: Counter "rolled_back" ["epochs"] [],
        "Epochs that failed and were rolled back, to be computed again: also by the version or manifest before";
    LAST_EPOCH: Gauge "last_committed_epoch" [""] [],
        "The number of the last committed epoch";
    LAST_COMMIT: Gauge "last_commit_timestamp" ["seconds"] [],
        "When that was, since 1970";
    EPOCH_DURATION: Histogram "epoch_duration" ["seconds"] ["phase"],
        "What epochs took: to process until their end was called, to prepare in all sinks, to commit with the record";
    RECORD_DURATION: Histogram "checkpoint_record_duration" ["seconds"] [],
        "What it took to write the states and the record of an epoch";
    QUEUE: Gauge "queue" ["batches"] ["node", "lane"],
        "Chunks of a source, batches of another lane, or pieces of a sink's output that wait for a node in a lane";
    QUEUE_CAPACITY: Gauge "queue_capacity" ["batches"] ["node", "lane"],
        "How many of these may wait before whoever gives them does";
    PLUGIN: Info "plugin" [""] ["node", "sha256"],
        "The version of a plugin that runs";
    PLUGIN_CALLS: Histogram "plugin_call_duration" ["seconds"] ["node"],
        "What calls of a plugin took, those that failed included";
    PLUGIN_FAILURES: Counter "plugin_failures" [""] ["node", "kind"],
        "Calls of a plugin that failed: failed (its own word), trapped, deadline, limit, invalid (a wrong answer), other";
    PLUGIN_MEMORY: Gauge "plugin_memory_max" ["bytes"] ["node"],
        "The most memory that an instance of a plugin had at the end of a call";
    SWAPS: Counter "plugin_swaps" [""] ["outcome"],
        "Versions of plugins that have taken over, or were taken back";
    CHANGES: Counter "manifest_changes" [""] ["outcome"],
        "Manifests that have taken over, or were taken back";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let mut names: Vec<String> = FAMILIES.iter().map(|family| family.full_name()).collect();
        for (family, name) in FAMILIES.iter().zip(&names) {
            let is_snake = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_snake, "{name}");
            assert!(!family.help.ends_with('.'), "{name}: a full stop is added");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len(), "two have one name");
        assert!(names.contains(&"azud_node_input_rows_total".to_owned()));
        assert!(names.contains(&"azud_plugin_info".to_owned()));
    }
}
