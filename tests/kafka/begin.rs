//! Where a source begins: every `start`, every way to name partitions, with and without a checkpoint.

use crate::pipeline::Pipeline;
use crate::topics::{Give, Topics};

/// An endless run that goes on over its checkpoint; the values in `out`.
fn endless(topics: &Topics, name: &str, source: &str) -> Pipeline {
    pipeline(topics, name, "100ms", source)
}

/// To the present end.
pub(crate) fn finite(topics: &Topics, name: &str, source: &str) -> Pipeline {
    pipeline(topics, name, "once", source)
}

fn pipeline(topics: &Topics, name: &str, trigger: &str, source: &str) -> Pipeline {
    let servers = topics.servers();
    Pipeline::new(&format!(
        "
name: {name}
trigger: {trigger}
parallelism: 2
checkpoint: {{ to: ./state }}
sources:
  records:
    kafka: {{ servers: '{servers}', {source} }}
    format: text
sinks:
  out: {{ from: records, file: {{ path: ./out, layout: table }}, format: text }}
"
    ))
}

fn values(pipeline: &Pipeline) -> Vec<String> {
    pipeline.lines("out")
}

/// Partition 1 gives no record before the end: it begins where it was, all the same.
#[test]
fn latest_begins_when_the_source_opens_and_goes_on_there() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("latest", 3);
    topics.give_values("latest", 0, &["old"]);
    topics.give_values("latest", 1, &["old"]);
    let pipeline = endless(&topics, "latest", "topics: latest, start: latest");
    let run = pipeline.start();
    pipeline.until_said("running");
    std::thread::sleep(std::time::Duration::from_secs(1));
    topics.give_values("latest", 0, &["a"]);
    pipeline.until_lines("out", 1);
    run.stop();
    // While nobody reads: also of partitions that have never given one.
    for partition in 0..3 {
        topics.give_values("latest", partition, &[format!("down-{partition}")]);
    }
    let run = pipeline.start();
    pipeline.until_lines("out", 4);
    topics.give_values("latest", 2, &["b"]);
    pipeline.until_lines("out", 5);
    run.stop();
    assert_eq!(values(&pipeline), ["a", "b", "down-0", "down-1", "down-2"]);
}

#[test]
fn a_time_begins_with_the_first_record_that_is_not_before_it() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("times", 2);
    let second = 1_767_225_600;
    for (partition, name) in [(0, "a"), (1, "b")] {
        for at in 0..4 {
            let value = format!("{name}{at}");
            let give = Give {
                partition,
                value: Some(value.as_bytes()),
                millis: Some((second + at + i64::from(partition) * 2) * 1000),
                ..Give::default()
            };
            topics.give("times", &[give]);
        }
    }
    let cases: [(&str, &[&str]); 5] = [
        // To the millisecond: a2 is at 00:00:02, b0 too.
        (
            "'2026-01-01T00:00:02Z'",
            &["a2", "a3", "b0", "b1", "b2", "b3"],
        ),
        ("'2026-01-01T01:00:02.001+01:00'", &["a3", "b1", "b2", "b3"]),
        ("1767225604000", &["b2", "b3"]),
        ("1767225605001", &[]),
        ("0", &["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]),
    ];
    for (time, expected) in cases {
        let source = format!("topics: times, start: {{ timestamp: {time} }}");
        let pipeline = finite(&topics, "times", &source);
        pipeline.finish();
        assert_eq!(values(&pipeline), expected, "{time}");
    }
}

#[test]
fn offsets_begin_where_they_say_and_nowhere_else() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("offsets", 4);
    for partition in 0..4 {
        let values: Vec<_> = (0..3).map(|n| format!("{partition}-{n}")).collect();
        topics.give_values("offsets", partition, &values);
    }
    let start = "start: { offsets: { offsets: { '0': -2, '1': -1, '2': 1 } } }";
    let pipeline = finite(&topics, "offsets", &format!("topics: offsets, {start}"));
    pipeline.finish();
    let all = ["0-0", "0-1", "0-2", "2-1", "2-2", "3-0", "3-1", "3-2"];
    assert_eq!(values(&pipeline), all);
    let start = "start: { offsets: { offsets: { '0': 4 } } }";
    let source = format!("topics: offsets, {start}");
    let pipeline = finite(&topics, "offsets", &source);
    let refused = pipeline.refused();
    let why = "`offsets-0` has offsets from 0 to 3, and `start` says 4; to go on with the first \
               record that is there, write `fail_on_data_loss: false`";
    assert!(refused.contains(why), "{refused}");
    let source = format!("{source}, fail_on_data_loss: false");
    let pipeline = finite(&topics, "offsets", &source);
    pipeline.finish();
    assert_eq!(values(&pipeline).len(), 12);
}

#[test]
fn committed_offsets_are_gone_on_from_and_others_begin_with_the_first() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("committed", 3);
    for partition in 0..3 {
        let values: Vec<_> = (0..3).map(|n| format!("{partition}-{n}")).collect();
        topics.give_values("committed", partition, &values);
    }
    topics.commit("elsewhere", "committed", 0, 2);
    topics.commit("elsewhere", "committed", 1, 3);
    let source = "topics: committed, start: committed, group: elsewhere";
    let pipeline = finite(&topics, "committed", source);
    pipeline.finish();
    assert_eq!(values(&pipeline), ["0-2", "2-0", "2-1", "2-2"]);
    // Every epoch commits where it is: for tools, and for a pipeline that takes over.
    assert_eq!(
        topics.committed("elsewhere", "committed"),
        [Some(3), Some(3), Some(3)]
    );
    topics.give_values("committed", 1, &["new"]);
    let over = finite(&topics, "committed-over", source);
    over.finish();
    assert_eq!(values(&over), ["new"]);
}

#[test]
fn the_group_of_a_pipeline_has_its_name_and_no_lag_once_all_is_read() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("lag", 2);
    topics.give_values("lag", 0, &["a", "b", "c"]);
    topics.transact("lag", 1, &["d"], true);
    let pipeline = endless(&topics, "lag-of", "topics: lag");
    let run = pipeline.start();
    pipeline.until_lines("out", 4);
    crate::pipeline::until("its offsets are committed", || {
        topics.committed("lag-of", "lag")[0] == Some(3)
    });
    run.stop();
    // The record of partition 1 has offset 0, and a marker follows.
    assert_eq!(topics.committed("lag-of", "lag"), [Some(3), Some(1)]);
}

#[test]
fn assigned_partitions_are_read_alone() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("assign-a", 3);
    topics.make("assign-b", 2);
    for (topic, partitions) in [("assign-a", 3), ("assign-b", 2)] {
        for partition in 0..partitions {
            topics.give_values(topic, partition, &[format!("{topic}-{partition}")]);
        }
    }
    let source = "assign: { assign-a: [0, 2], assign-b: [1] }";
    let pipeline = finite(&topics, "assign", source);
    pipeline.finish();
    assert_eq!(
        values(&pipeline),
        ["assign-a-0", "assign-a-2", "assign-b-1"]
    );
    let source = "assign: { assign-a: [0, 3] }";
    let refused = finite(&topics, "assign", source).refused();
    let why = "topic `assign-a` has 3 partitions and none with number 3";
    assert!(refused.contains(why), "{refused}");
}

/// The whole name has to match.
#[test]
fn a_pattern_reads_the_topics_whose_whole_names_match() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for name in ["match-1", "match-22", "a-match-1", "match-x"] {
        topics.make(name, 1);
        topics.give_values(name, 0, &[name]);
    }
    let pipeline = finite(&topics, "match", "pattern: 'match-[0-9]+'");
    pipeline.finish();
    assert_eq!(values(&pipeline), ["match-1", "match-22"]);
}

#[test]
fn an_epoch_has_at_most_its_rows() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("bounded", 3);
    for partition in 0..3 {
        let values: Vec<_> = (0..50).map(|n| format!("{partition}-{n:02}")).collect();
        topics.give_values("bounded", partition, &values);
    }
    let pipeline = finite(&topics, "bounded", "topics: bounded, max_rows: 20");
    let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
    pipeline.write(&manifest.replace("layout: table", "layout: batches"));
    pipeline.finish();
    let epochs = pipeline.batches("out");
    let sizes: Vec<usize> = epochs.iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 20), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 150);
    let mut all = epochs.concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 150);
}
