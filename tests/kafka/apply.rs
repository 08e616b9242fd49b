//! Other manifests take over while records flow, exactly once: readers and producers of nodes that
//! are the same go on, those of others are closed and opened.

use std::fs;
use std::sync::Arc;

use crate::flow::Flow;
use crate::is_long;
use crate::pipeline::{Pipeline, until_or};
use crate::registry::{Registered, Registry, Schemas};
use crate::topics::Topics;

/// What a manifest changes, of that of [`Flow`].
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "a query",
        "value IS NOT NULL",
        "value IS NOT NULL AND partition >= 0",
    ),
    (
        "the sink",
        ", topic: apply-out",
        ", topic: apply-out, properties: { linger.ms: 1 }",
    ),
    (
        "the source",
        ", topics: apply-in",
        ", topics: apply-in, max_rows: 100000",
    ),
    ("lanes", "parallelism: 2", "parallelism: 3"),
    ("the trigger", "trigger: 100ms", "trigger: 250ms"),
];

#[test]
fn nothing_is_missing_or_doubled() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let topics = Arc::new(topics);
    let flow = Flow::new(&topics, "apply", "100ms", "", "");
    let manifest = fs::read_to_string(flow.pipeline.path("p.yaml")).unwrap();
    let writes = flow.write(1_000);
    let mut run = flow.pipeline.start_with(&["--listen", "127.0.0.1:0"], &[]);
    flow.until_flows(&mut run, 1_000);
    let address = address(&flow.pipeline);
    let rounds = if is_long() { 5 } else { 1 };
    for (what, from, to) in CHANGES.iter().cycle().take(rounds * CHANGES.len()) {
        assert!(manifest.contains(from), "{what}");
        for text in [manifest.replace(from, to), manifest.clone()] {
            fs::write(flow.pipeline.path("changed.yaml"), text).unwrap();
            let told = flow
                .pipeline
                .tell(&["apply", "changed.yaml", "--at", &address]);
            assert!(
                told.contains("changed.yaml runs from epoch"),
                "{what}: {told}\n{}",
                flow.pipeline.log()
            );
            let before = flow.end_of_output();
            let more = || format!("rows after {what}: {}", flow.pipeline.log());
            until_or(more, || flow.end_of_output() > before);
        }
    }
    flow.end(run, writes, "changes of everything");
}

/// What a reader has looked up in a registry its decoder knows after a change, too.
#[test]
fn schemas_of_a_registry_stay_known() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("known", 1);
    let schema = r#"{"type":"record","name":"Person","fields":[{"name":"name","type":"string"}]}"#;
    let registered = Registered {
        subject: "known-value".to_owned(),
        schema: schema.to_owned(),
    };
    let registry = Registry::start(0, &Schemas::new(vec![registered].into()));
    let (servers, port) = (topics.servers(), registry.port());
    let manifest = format!(
        "
name: known
trigger: 50ms
checkpoint: {{ to: ./state }}
sources:
  people:
    kafka: {{ servers: '{servers}', topics: known }}
    format: avro
    avro: {{ registry: 'http://127.0.0.1:{port}', schema: ./person.avsc }}
transforms:
  rows: {{ sql: 'SELECT name FROM people' }}
sinks:
  out: {{ from: rows, file: {{ path: ./out }}, format: json }}
"
    );
    let pipeline = Pipeline::new(&manifest);
    fs::write(pipeline.path("person.avsc"), schema).unwrap();
    let run = pipeline.start_with(&["--listen", "127.0.0.1:0"], &[]);
    topics.give_values("known", 0, &["\0\0\0\0\u{1}\u{6}ada".to_owned()]);
    pipeline.until_lines("out", 1);
    let changed = manifest.replace("SELECT name", "SELECT upper(name) AS name");
    fs::write(pipeline.path("changed.yaml"), changed).unwrap();
    let told = pipeline.tell(&["apply", "changed.yaml", "--at", &address(&pipeline)]);
    assert!(
        told.contains("runs from epoch"),
        "{told}\n{}",
        pipeline.log()
    );
    topics.give_values("known", 0, &["\0\0\0\0\u{1}\u{4}bo".to_owned()]);
    pipeline.until_lines("out", 2);
    run.stop();
    assert_eq!(
        pipeline.lines("out"),
        [r#"{"name":"BO"}"#, r#"{"name":"ada"}"#]
    );
}

fn address(pipeline: &Pipeline) -> String {
    let log = pipeline.log();
    let address = log.split("the admin endpoint is http://").nth(1).unwrap();
    address.split_whitespace().next().unwrap().to_owned()
}
