//! A topic that is far larger than the memory that reading it takes.

use crate::pipeline::{Pipeline, until};
use crate::topics::{Give, Topics, send};
use rdkafka::producer::Producer;
use std::time::Duration;

/// 600 MB in three partitions.
const RECORDS: i32 = 60_000;
const SIZE: usize = 10_000;

#[test]
fn a_slow_sink_holds_back_a_full_topic() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("full", 3);
    let sender = topics.sender(&[("linger.ms", "20")]);
    let value = vec![b'x'; SIZE];
    for number in 0..RECORDS {
        let give = Give {
            partition: number % 3,
            value: Some(&value),
            ..Give::default()
        };
        send(&sender, "full", &give);
    }
    sender.flush(Duration::from_secs(120)).unwrap();
    let servers = topics.servers();
    // Nobody reads what the console prints: the pipe is full at once.
    let pipeline = Pipeline::new(&format!(
        "
name: full
trigger: 100ms
parallelism: 2
sources:
  all: {{ kafka: {{ servers: '{servers}', topics: full }}, format: text }}
sinks:
  screen: {{ from: all, console: {{ style: json }} }}
"
    ));
    let mut run = pipeline.start_piped();
    let mut memory = 0;
    until("it stands still", || {
        std::thread::sleep(Duration::from_secs(1));
        let now = run.memory();
        // As much as a second ago, and more than a process that reads nothing.
        std::mem::replace(&mut memory, now) == now && now > 0
    });
    std::thread::sleep(Duration::from_secs(2));
    let memory = run.memory();
    println!("held back with at most {} MB of memory", memory >> 20);
    assert!(run.is_running(), "{}", pipeline.log());
    assert!(memory < 400 << 20, "{memory} bytes of memory");
}

#[test]
fn a_full_topic_is_read_within_bounds() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("read-full", 3);
    let values = vec!["y".repeat(SIZE); 5_000];
    let properties = [("linger.ms", "20")];
    for _ in 0..4 {
        topics.give_with("read-full", &values, &properties);
    }
    let servers = topics.servers();
    let pipeline = Pipeline::new(&format!(
        "
name: read-full
trigger: once
parallelism: 2
sources:
  all: {{ kafka: {{ servers: '{servers}', topics: read-full, max_bytes: 20MB }}, format: text }}
transforms:
  sizes: {{ sql: \"SELECT count(*) AS n, sum(length(value)) AS bytes FROM all\" }}
sinks:
  out: {{ from: sizes, file: {{ path: ./out }}, format: json, mode: complete }}
"
    ));
    let mut run = pipeline.start();
    let mut memory = 0;
    while run.is_running() {
        memory = memory.max(run.memory());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(run.wait().success(), "{}", pipeline.log());
    assert_eq!(pipeline.lines("out"), [r#"{"n":20000,"bytes":200000000}"#]);
    println!("200 MB with at most {} MB of memory", memory >> 20);
    assert!(memory < 400 << 20, "{memory} bytes of memory");
}
