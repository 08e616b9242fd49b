//! Several partitions: `max_rows` over them, and their watermarks.

use crate::begin::finite;
use crate::pipeline::{Pipeline, until_or};
use crate::rows::once;
use crate::topics::Topics;

/// The seconds that each partition tells of, and how many records it has for that.
const SECONDS: usize = 3000;
const EACH: [usize; 3] = [3000, 300, 30];

/// Event time goes by the furthest partition: while a pipeline catches up they must keep abreast.
#[test]
fn partitions_of_unlike_sizes_catch_up_together() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("unlike", 3);
    for (partition, count) in (0..).zip(EACH) {
        let step = SECONDS / count;
        let values: Vec<_> = (0..count).map(|number| record(number * step)).collect();
        topics.give_values("unlike", partition, &values);
    }
    // A tenth of everything in an epoch, and event time may be behind by four tenths.
    let pipeline = windows(&topics, "unlike", "300ms", ", max_rows: 333", "1200s");
    let run = pipeline.start();
    let all: usize = EACH.iter().sum();
    pipeline.until_lines("all", all);
    // Closes every window of before.
    topics.give_values("unlike", 0, &[record(80_000)]);
    let what = || format!("{all} rows in windows: {}", pipeline.log());
    until_or(what, || pipeline.lines("out").len() >= SECONDS / 100);
    run.stop();
    assert_eq!(
        counted(&pipeline).iter().sum::<usize>(),
        all,
        "{}",
        pipeline.log()
    );
}

/// With trigger `continuous` each partition has a watermark of its own, and the slowest counts.
#[test]
fn a_partition_that_is_behind_holds_back_the_watermark() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("behind", 2);
    let values = |seconds: std::ops::Range<usize>| seconds.map(record).collect::<Vec<_>>();
    topics.give_values("behind", 0, &values(0..SECONDS));
    topics.give_values("behind", 1, &values(0..250));
    let pipeline = windows(&topics, "behind", "continuous", "", "0s");
    let run = pipeline.start();
    pipeline.until_lines("all", SECONDS + 250);
    let what = || format!("two windows: {}", pipeline.log());
    until_or(what, || counted(&pipeline) == [200, 200]);
    topics.give_values("behind", 1, &values(250..SECONDS));
    pipeline.until_lines("all", 2 * SECONDS);
    for partition in 0..2 {
        topics.give_values("behind", partition, &[record(80_000)]);
    }
    let what = || format!("{} windows: {}", SECONDS / 100, pipeline.log());
    until_or(what, || counted(&pipeline).len() >= SECONDS / 100);
    run.stop();
    assert_eq!(counted(&pipeline), [200; SECONDS / 100]);
}

/// A record of so many seconds after midnight.
fn record(second: usize) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}Z"}}"#)
}

/// Counts records in windows of 100 s, to `out`; writes each record to `all`.
fn windows(topics: &Topics, topic: &str, trigger: &str, source: &str, delay: &str) -> Pipeline {
    let servers = topics.servers();
    Pipeline::new(&format!(
        "
name: {topic}
trigger: {trigger}
parallelism: 2
sources:
  in:
    kafka: {{ servers: '{servers}', topics: {topic}{source} }}
    format: json
    schema: {{ time: timestamp }}
    time: {{ column: time, delay: {delay} }}
transforms:
  counts:
    sql: SELECT count(*) AS n FROM in GROUP BY window(time, '100 seconds')
sinks:
  all: {{ from: in, file: {{ path: ./all }}, format: json }}
  out: {{ from: counts, file: {{ path: ./out }}, format: json }}
"
    ))
}

fn counted(pipeline: &Pipeline) -> Vec<usize> {
    let lines = pipeline.lines("out").into_iter();
    let counts = lines.map(|line| {
        let digits = line.trim_matches(|letter: char| !letter.is_ascii_digit());
        digits.parse().unwrap()
    });
    counts.collect()
}

/// Offsets of a transaction that was rolled back wait like others, and nothing comes of them.
#[test]
fn what_was_rolled_back_takes_no_share_for_long() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("hollow", 2);
    // More than is held: the partition is paused meanwhile.
    let rest = "x".repeat(40_000);
    let values: Vec<_> = (0..400)
        .map(|number| format!("{number:03}{rest}"))
        .collect();
    topics.give_values("hollow", 0, &values);
    let lost: Vec<&str> = (0..4000).map(|_| "lost").collect();
    topics.transact("hollow", 1, &lost, false);
    let read = |trigger: &str| {
        let pipeline = once(
            &topics,
            "topics: hollow, max_rows: 50",
            "SELECT substr(CAST(value AS STRING), 1, 3) AS number FROM records",
        );
        let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
        pipeline.write(&manifest.replace("trigger: once", trigger));
        pipeline
    };
    let numbers = (0..400).map(|number| format!(r#"{{"number":"{number:03}"}}"#));
    let numbers: Vec<_> = numbers.collect();
    let pipeline = read("trigger: once");
    pipeline.finish();
    assert_eq!(pipeline.lines("out"), numbers);
    let pipeline = read("trigger: 500ms");
    let run = pipeline.start();
    pipeline.until_lines("out", values.len());
    run.stop();
    assert_eq!(pipeline.lines("out"), numbers);
}

#[test]
fn topics_are_limited_together() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let values: Vec<_> = (0..60).map(|number| number.to_string()).collect();
    for topic in ["limited-a", "limited-b", "limited-c"] {
        topics.make(topic, 2);
        topics.give_values(topic, 0, &values);
        topics.give_values(topic, 1, &values[..6]);
    }
    let pipeline = finite(&topics, "limited", "pattern: 'limited-.', max_rows: 11");
    let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
    pipeline.write(&manifest.replace("layout: table", "layout: batches"));
    pipeline.finish();
    let sizes: Vec<_> = pipeline.batches("out").iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 11), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 3 * 66);
}
