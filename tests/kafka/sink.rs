//! What a sink writes: columns that become keys, headers, topics and partitions, every format, and
//! rows that can never be written.

use crate::pipeline::Pipeline;
use crate::topics::{Give, Topics};

/// Writes rows of `in.json` once, with those lines of yaml for the sink.
fn writes(topics: &Topics, name: &str, select: &str, sink: &str, rows: &str) -> Pipeline {
    let servers = topics.servers();
    let pipeline = Pipeline::new(&format!(
        "
name: {name}
trigger: once
parallelism: 1
sources:
  given:
    file: {{ path: ./in.json }}
    format: json
    schema: {{ t: string, p: int, k: string, v: string, n: bigint }}
transforms:
  rows: {{ sql: \"{select}\" }}
sinks:
  out: {{ from: rows, kafka: {{ servers: '{servers}'{sink}
  bad: {{ from: out.rejected, file: {{ path: ./bad }}, format: json }}
"
    ));
    std::fs::write(pipeline.path("in.json"), rows).unwrap();
    pipeline
}

/// Everything that a record has, from one topic to another; with a transaction and without.
#[test]
fn what_is_read_is_written_as_it_was() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("same-in", 2);
    let give = |partition, key, value, headers| Give {
        partition,
        key,
        value,
        headers,
        millis: None,
    };
    let records = [
        give(0, Some(b"k".as_slice()), Some(b"v".as_slice()), vec![]),
        give(
            1,
            None,
            Some(b""),
            vec![(b"a".as_slice(), Some(b"1".as_slice())), (b"a", None)],
        ),
        give(0, Some(b""), None, vec![(b"", Some(b""))]),
        give(1, Some(b"k"), Some(b"last"), vec![]),
    ];
    topics.give("same-in", &records);
    for (to, checkpoint) in [
        ("same-once", "checkpoint: { to: ./state }"),
        ("same-more", ""),
    ] {
        topics.make(to, 2);
        let servers = topics.servers();
        let pipeline = Pipeline::new(&format!(
            "
name: {to}
trigger: once
{checkpoint}
sources:
  all: {{ kafka: {{ servers: '{servers}', topics: same-in }} }}
transforms:
  rows: {{ sql: \"SELECT key, value, headers, partition FROM all\" }}
sinks:
  out: {{ from: rows, kafka: {{ servers: '{servers}', topic: {to} }}, format: raw }}
"
        ));
        pipeline.finish();
        assert_eq!(topics.read(to), topics.read("same-in"), "{to}");
    }
}

/// Kafka's own vectors of its murmur2, over 100 partitions.
#[test]
fn a_key_goes_to_the_partition_that_kafka_s_own_client_chooses() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("keys", 100);
    let vectors = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ];
    let rows: String = vectors
        .iter()
        .map(|(key, _)| format!("{{\"k\":\"{key}\",\"v\":\"x\"}}\n"))
        .collect();
    let sink = ", topic: keys, key: k }, format: json }";
    let pipeline = writes(&topics, "keys", "SELECT k, v FROM given", sink, &rows);
    pipeline.finish();
    let mut expected: Vec<_> = vectors
        .iter()
        .map(|(key, hash)| ((hash & i32::MAX) % 100, (*key).to_owned()))
        .collect();
    expected.sort();
    let seen = topics.read("keys").into_iter();
    let seen: Vec<_> = seen.map(|one| (one.partition, one.key.unwrap())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn formats_make_values_of_the_columns_that_are_left() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let rows = "{\"k\":\"a,b\",\"n\":7}\n{\"n\":8}\n";
    let cases: [(&str, &str, &str, [&str; 2]); 5] = [
        (
            "to-json",
            "k, n",
            ", key: k }, format: json }",
            [r#"{"k":"a,b","n":7}"#, r#"{"n":8}"#],
        ),
        ("to-csv", "k, n", "}, format: csv }", ["\"a,b\",7", ",8"]),
        (
            "to-text",
            "CAST(n AS string) AS value",
            "}, format: text }",
            ["7", "8"],
        ),
        (
            "to-raw",
            "CAST(k AS binary) AS value",
            "}, format: raw }",
            ["a,b", "<null>"],
        ),
        (
            "to-number",
            "n, k",
            ", key: n }, format: json }",
            [r#"{"n":7,"k":"a,b"}"#, r#"{"n":8}"#],
        ),
    ];
    for (topic, columns, sink, expected) in cases {
        topics.make(topic, 1);
        let select = format!("SELECT {columns} FROM given");
        let sink = format!(", topic: {topic} {sink}");
        let pipeline = writes(&topics, topic, &select, &sink, rows);
        pipeline.finish();
        let seen = topics.read(topic);
        let text = |value: &Option<String>| value.clone().unwrap_or("<null>".to_owned());
        let values: Vec<_> = seen.iter().map(|one| text(&one.value)).collect();
        assert_eq!(values, expected, "{topic}");
        let keys: Vec<_> = seen.iter().map(|one| text(&one.key)).collect();
        let expected = match topic {
            "to-json" => ["a,b", "<null>"],
            "to-number" => ["7", "8"],
            _ => ["<null>", "<null>"],
        };
        assert_eq!(keys, expected, "{topic}");
    }
}

/// Rows go where they say; those that can go nowhere are rejected, each with its reason, and the
/// others are written.
#[test]
fn rows_name_their_topics_and_what_cannot_be_written_is_rejected() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("named-a", 2);
    topics.make("named-b", 2);
    let large = "x".repeat(1_100_000);
    let rows = [
        r#"{"t":"named-a","p":1,"v":"one"}"#.to_owned(),
        r#"{"t":"named-b","p":0,"v":"two"}"#.to_owned(),
        r#"{"p":0,"v":"no topic"}"#.to_owned(),
        r#"{"t":"na/me","p":0,"v":"no name"}"#.to_owned(),
        r#"{"t":"named-a","p":-1,"v":"no partition"}"#.to_owned(),
        format!(r#"{{"t":"named-a","p":0,"v":"{large}"}}"#),
        r#"{"t":"named-a","v":"by chance"}"#.to_owned(),
    ]
    .join("\n");
    let select = "SELECT t AS topic, p AS partition, v AS value FROM given";
    let pipeline = writes(&topics, "named", select, " }, format: text }", &rows);
    pipeline.finish();
    let mut a = topics.values("named-a");
    a.sort();
    assert_eq!(a, ["by chance", "one"]);
    assert_eq!(topics.values("named-b"), ["two"]);
    let reason = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["reason"].as_str().unwrap().to_owned()
    };
    let mut reasons: Vec<_> = pipeline.lines("bad").iter().map(reason).collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "`na/me` is no name of a topic: those have up to 249 letters, digits, `.`, `_` and `-`",
            "a record of 1100000 bytes is larger than `message.max.bytes`, 999488",
            "its partition is -1",
            "its topic is null",
        ]
    );
}

/// The topic's own limit is known only to the broker.
#[test]
fn a_topic_that_takes_less_says_which_property_is_to_be_set() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make_with("small", 1, &[("max.message.bytes", "2000")]);
    let large = "x".repeat(5000);
    let rows = format!("{{\"v\":\"a\"}}\n{{\"v\":\"{large}\"}}\n{{\"v\":\"b\"}}\n");
    let sink = ", topic: small }, format: text }";
    let pipeline = writes(
        &topics,
        "small",
        "SELECT v AS value FROM given",
        sink,
        &rows,
    );
    let refused = pipeline.refused();
    assert!(
        refused.contains("set the property `message.max.bytes` to no more than that"),
        "{refused}"
    );
    assert!(topics.values("small").is_empty());
    let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
    let limited = ", topic: small, properties: { message.max.bytes: 2000 } }";
    pipeline.write(&manifest.replace(", topic: small }", limited));
    pipeline.finish();
    assert_eq!(topics.values("small"), ["a", "b"]);
    assert_eq!(pipeline.lines("bad").len(), 1);
}

#[test]
fn a_plan_says_how_often_a_row_is_there() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("planned", 1);
    let plan = |checkpoint: &str, delivery: &str| {
        let sink = format!(", topic: planned{delivery} }}, format: json }}");
        let pipeline = writes(&topics, "planned", "SELECT v FROM given", &sink, "");
        let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
        pipeline.write(&manifest.replace("trigger: once", &format!("trigger: once\n{checkpoint}")));
        pipeline.tell(&["plan", "p.yaml"])
    };
    let state = "checkpoint: { to: ./state }";
    let out = "sink       out    rows          kafka; stage 0; mode append; ";
    for (plan, guarantee) in [
        (plan(state, ""), "exactly once\n"),
        (
            plan(state, ", delivery: at-least-once"),
            "at least once (`delivery: at-least-once`)\n",
        ),
        (plan("", ""), "none (the pipeline has no `checkpoint`: "),
    ] {
        let expected = format!("{out}{guarantee}");
        assert!(plan.contains(&expected), "{expected} in {plan}");
    }
}

/// Its transactional id is of the pipeline's name and the sink's: somebody else's checkpoint is
/// noticed before anybody is fenced.
#[test]
fn a_second_pipeline_of_the_same_name_is_refused_and_the_first_goes_on() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let servers = topics.servers();
    topics.make("twins-in", 1);
    topics.make("twins-out", 1);
    let manifest = format!(
        "
name: twins
trigger: 100ms
checkpoint: {{ to: ./state }}
sources:
  all: {{ kafka: {{ servers: '{servers}', topics: twins-in }}, format: text }}
sinks:
  out: {{ from: all, kafka: {{ servers: '{servers}', topic: twins-out }}, format: text }}
"
    );
    let (first, second) = (Pipeline::new(&manifest), Pipeline::new(&manifest));
    topics.give_values("twins-in", 0, &["a"]);
    let run = first.start();
    crate::pipeline::until("a row is there", || topics.values("twins-out").len() == 1);
    let refused = second.refused();
    let why = "another run of a pipeline and sink of these names writes there, or has written: its \
               checkpoint is elsewhere; give one of them another name";
    assert!(refused.contains(why), "{refused}");
    topics.give_values("twins-in", 0, &["b"]);
    crate::pipeline::until("it goes on", || topics.values("twins-out").len() == 2);
    run.stop();
    assert_eq!(topics.values("twins-out"), ["a", "b"]);
    assert!(!first.log().contains("trying again"), "{}", first.log());
}

/// As Spark's: a broker that makes topics makes it.
#[test]
fn a_topic_that_is_not_there_is_made_where_brokers_make_topics() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let sink = ", topic: made-by-writing }, format: json }";
    let rows = "{\"v\":\"x\"}\n";
    let pipeline = writes(&topics, "made", "SELECT v FROM given", sink, rows);
    pipeline.finish();
    assert_eq!(topics.values("made-by-writing"), [r#"{"v":"x"}"#]);
}
