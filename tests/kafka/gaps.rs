//! Offsets that are no records: markers of transactions, what was aborted, what was compacted
//! away. And ends that are none of a record.

use crate::pipeline::{Pipeline, until};
use crate::rows::once;
use crate::topics::{Give, Topics};

const PLACES: &str = "SELECT topic, partition, offset, CAST(value AS string) AS value FROM records";

fn place(topic: &str, partition: i32, offset: i64, value: &str) -> String {
    format!(r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"value":"{value}"}}"#)
}

/// The last offset of each partition is a marker, and so is the only one of a third.
#[test]
fn transactions_are_read_to_their_end_and_what_was_aborted_is_never_seen() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("transacted", 3);
    topics.transact("transacted", 0, &["a", "b"], true);
    topics.transact("transacted", 0, &["never", "never"], false);
    topics.transact("transacted", 0, &["c"], true);
    topics.transact("transacted", 1, &["d"], true);
    topics.transact("transacted", 1, &["never"], false);
    topics.transact("transacted", 2, &["never"], false);
    let pipeline = checkpointed(&topics, "topics: transacted");
    pipeline.finish();
    let expected = [
        place("transacted", 0, 0, "a"),
        place("transacted", 0, 1, "b"),
        place("transacted", 0, 6, "c"),
        place("transacted", 1, 0, "d"),
    ];
    assert_eq!(pipeline.lines("out"), expected);
    // From behind the markers on.
    topics.give_values("transacted", 2, &["e"]);
    topics.give_values("transacted", 0, &["f"]);
    pipeline.finish();
    let more = [
        place("transacted", 0, 8, "f"),
        place("transacted", 2, 2, "e"),
    ];
    let mut all = [expected.as_slice(), more.as_slice()].concat();
    all.sort();
    assert_eq!(pipeline.lines("out"), all);
}

/// librdkafka tells of an end by the number of the partition alone.
#[test]
fn topics_with_the_same_partition_numbers_are_read_to_their_own_ends() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for (name, partitions) in [("ends-a", 2), ("ends-b", 3), ("ends-c", 1), ("ends-d", 2)] {
        topics.make(name, partitions);
    }
    let values: Vec<String> = (0..500).map(|number| format!("{number:03}")).collect();
    topics.give_values("ends-a", 0, &["x"]);
    topics.transact("ends-a", 1, &["y"], true);
    topics.give_values("ends-b", 1, &values);
    topics.transact("ends-b", 2, &["z"], true);
    for lanes in [1, 3] {
        let pipeline = once(&topics, "pattern: 'ends-.*'", PLACES);
        let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
        let lanes = format!("parallelism: {lanes}");
        pipeline.write(&manifest.replace("parallelism: 1", &lanes));
        pipeline.finish();
        let mut expected = vec![
            place("ends-a", 0, 0, "x"),
            place("ends-a", 1, 0, "y"),
            place("ends-b", 2, 0, "z"),
        ];
        let rest = (0..).zip(&values);
        expected.extend(rest.map(|(offset, value)| place("ends-b", 1, offset, value)));
        expected.sort();
        assert_eq!(pipeline.lines("out"), expected, "{lanes}");
    }
}

#[test]
fn an_empty_topic_gives_nothing_and_a_run_ends() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("empty", 3);
    let pipeline = checkpointed(&topics, "topics: empty");
    pipeline.finish();
    assert_eq!(pipeline.lines("out"), [""; 0]);
    topics.give_values("empty", 2, &["first"]);
    pipeline.finish();
    assert_eq!(pipeline.lines("out"), [place("empty", 2, 0, "first")]);
}

/// Keys that were written again are gone; positions go on behind them all the same.
#[test]
fn a_compacted_topic_has_gaps() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "200"),
    ];
    topics.make_with("compacted", 1, &settings);
    let give = |key: &[u8], value: &[u8]| {
        let give = Give {
            key: Some(key),
            value: Some(value),
            ..Give::default()
        };
        topics.give("compacted", &[give]);
    };
    for round in ["1", "2", "3"] {
        give(b"a", format!("a{round}").as_bytes());
        give(b"b", format!("b{round}").as_bytes());
    }
    // What is written after a segment's time closes it.
    let mut kept = Vec::new();
    until("it is compacted", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        give(b"c", b"c");
        kept = topics.read("compacted");
        kept[0].offset >= 4
    });
    let pipeline = checkpointed(&topics, "topics: compacted");
    pipeline.finish();
    // What is there now was read once; more may be compacted away by now.
    let look = |pipeline: &Pipeline| {
        let lines = pipeline.lines("out");
        for seen in topics.read("compacted") {
            let expected = place("compacted", 0, seen.offset, &seen.value.unwrap());
            let found = lines.iter().filter(|line| **line == expected);
            assert_eq!(found.count(), 1, "{expected} in {lines:#?}");
        }
        lines
    };
    let before = look(&pipeline);
    assert!(before.contains(&place("compacted", 0, 4, "a3")));
    assert!(!before.contains(&place("compacted", 0, 0, "a1")));
    give(b"d", b"d");
    pipeline.finish();
    assert_eq!(look(&pipeline).len(), before.len() + 1);
}

/// What comes while a run is under way is for the next one.
#[test]
fn a_partition_that_grows_is_read_to_its_present_end() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("growing", 1);
    let numbers: Vec<String> = (0..20_000).map(|number| format!("{number:06}")).collect();
    topics.give_values("growing", 0, &numbers[..10_000]);
    let pipeline = checkpointed(&topics, "topics: growing, max_rows: 1000");
    let run = pipeline.start();
    for chunk in numbers[10_000..].chunks(500) {
        topics.give_values("growing", 0, chunk);
    }
    assert!(run.wait().success(), "{}", pipeline.log());
    let lines = pipeline.lines("out");
    assert!(lines.len() >= 10_000, "{}", lines.len());
    pipeline.finish();
    let expected: Vec<_> = (0..)
        .zip(&numbers)
        .map(|(offset, value)| place("growing", 0, offset, value))
        .collect();
    let mut lines = pipeline.lines("out");
    // By value: offsets are no text.
    lines.sort_by_key(|line| line.split("\"value\":").nth(1).map(str::to_owned));
    assert_eq!(lines, expected);
}

fn checkpointed(topics: &Topics, source: &str) -> Pipeline {
    let pipeline = once(topics, source, PLACES);
    let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
    let with = "trigger: once\ncheckpoint: { to: ./state }";
    pipeline.write(&manifest.replace("trigger: once", with));
    pipeline
}
