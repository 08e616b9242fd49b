//! A manifest that is run several times at once: `sharing: group`. Partitions move between its
//! processes, which come, go, are killed and frozen; a reader of the output sees each row once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::brokers::Brokers;
use crate::pipeline::{Pipeline, Run, until_or};
use crate::topics::{Give, Topics, send};
use crate::{is_long, seeds};

const PARTITIONS: i32 = 4;

const LONG: Duration = Duration::from_secs(30);

/// What happens to the members, at random.
#[derive(Clone, Copy, Debug)]
enum Event {
    Start,
    Stop,
    Kill,
    /// For longer than the group waits for it.
    Freeze,
}

fn manifest(topics: &Topics, name: &str) -> String {
    manifest_with(topics, name, "")
}

/// With more options of the source, each on a line of its own.
fn manifest_with(topics: &Topics, name: &str, source: &str) -> String {
    let servers = topics.servers();
    format!(
        "
name: {name}
trigger: continuous
parallelism: 2
sources:
  in:
    kafka:
      servers: '{servers}'
      topics: {name}
      sharing: group
      properties: {{ session.timeout.ms: 1500, heartbeat.interval.ms: 300 }}{source}
    format: text
    keep: [partition, offset]
transforms:
  rows:
    sql: SELECT concat(CAST(partition AS STRING), ':', CAST(offset AS STRING), ':', value) AS value FROM in
sinks:
  out:
    from: rows
    kafka: {{ servers: '{servers}', topic: {name}-out, properties: {{ transaction.timeout.ms: 3000 }} }}
    format: text
"
    )
}

/// How often each record of the input is in the output.
fn counts(topics: &Topics, name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for value in topics.values(&format!("{name}-out")) {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// A linear congruential generator: the same events for a seed, whatever else is random.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

fn storm(topics: &Topics, seed: u64) {
    let name = format!("storm-{seed}");
    topics.make(&name, PARTITIONS);
    topics.make(&format!("{name}-out"), 2);
    let limit = if seed % 2 == 1 {
        "\n      max_rows: 2000"
    } else {
        ""
    };
    let pipeline = Pipeline::new(&manifest_with(topics, &name, limit));
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut state = seed.wrapping_add(17);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = topics.sender(&[]);
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..50 {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let value = number.to_string();
                    let record = Give {
                        partition: i32::try_from(number).unwrap() % PARTITIONS,
                        value: Some(value.as_bytes()),
                        ..Give::default()
                    };
                    send(&sender, &name, &record);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            use rdkafka::producer::Producer;
            sender.flush(Duration::from_secs(60)).unwrap();
        });
        let mut runs: Vec<Run> = vec![pipeline.start(), pipeline.start()];
        for _ in 0..if is_long() { 12 } else { 6 } {
            std::thread::sleep(Duration::from_millis(500 + draw(&mut state, 1500)));
            let events = [Event::Start, Event::Stop, Event::Kill, Event::Freeze];
            let event = events[usize::try_from(draw(&mut state, 4)).unwrap()];
            let which = usize::try_from(draw(&mut state, runs.len() as u64)).unwrap();
            match event {
                Event::Start => {}
                Event::Stop => runs.swap_remove(which).stop(),
                Event::Kill => runs.swap_remove(which).kill(),
                Event::Freeze => {
                    runs[which].signal("STOP");
                    std::thread::sleep(Duration::from_millis(2500));
                    runs[which].signal("CONT");
                }
            }
            while runs.len() < 2 {
                runs.push(pipeline.start());
            }
            if let Event::Start = event
                && runs.len() < 4
            {
                runs.push(pipeline.start());
            }
        }
        stop.store(true, Ordering::Relaxed);
        let visible = || counts(topics, &name).len();
        until_or(
            || {
                format!(
                    "{} of {} rows, {}",
                    visible(),
                    sent.load(Ordering::Relaxed),
                    pipeline.log()
                )
            },
            || visible() >= sent.load(Ordering::Relaxed),
        );
        runs.into_iter().for_each(Run::stop);
    });
    let sent = sent.load(Ordering::Relaxed);
    check_each_once(topics, &name, sent, &pipeline);
}

fn check_each_once(topics: &Topics, name: &str, rows: usize, pipeline: &Pipeline) {
    let counts = counts(topics, name);
    assert_eq!(counts.len(), rows, "missing, or rows of nowhere");
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    let some = doubled.get(..10).unwrap_or(&doubled);
    let log = pipeline.log();
    assert!(
        doubled.is_empty(),
        "{} doubled: {some:?}, {log}",
        doubled.len()
    );
}

/// Lanes that wait for a broker keep their membership and every record; members without partitions
/// take over also after their connections were broken.
#[test]
fn a_broker_that_hangs_and_dies_under_busy_lanes_costs_no_row_and_no_standby() {
    const ROWS: usize = 40_000;
    let Some(brokers) = Brokers::start(&[]) else {
        return;
    };
    let (topics, name) = (Topics::at(brokers.servers()), "busy");
    topics.make(name, PARTITIONS);
    topics.make("busy-out", 2);
    let short = "queue.buffering.max.messages: 200, transaction.timeout.ms";
    let pipeline = manifest(&topics, name).replace("transaction.timeout.ms", short);
    let pipeline = Pipeline::new(&pipeline);
    for partition in 0..PARTITIONS {
        let of_partition = ROWS / usize::try_from(PARTITIONS).unwrap();
        let values: Vec<_> = (0..of_partition).map(|row| row.to_string()).collect();
        topics.give_values(name, partition, &values);
    }
    let visible = |least: usize| {
        let seen = || counts(&topics, name).len();
        until_or(
            || format!("{} rows, {}", seen(), pipeline.log()),
            || seen() >= least,
        );
    };
    let first = pipeline.start();
    visible(1);
    brokers.tell("freeze 1");
    let others: Vec<Run> = (0..2).map(|_| pipeline.start()).collect();
    std::thread::sleep(Duration::from_secs(3));
    brokers.tell("thaw 1");
    std::thread::sleep(Duration::from_secs(1));
    // More members than partitions: some have none.
    let standbys: Vec<Run> = (0..3).map(|_| pipeline.start()).collect();
    std::thread::sleep(Duration::from_secs(2));
    brokers.tell("kill 1");
    brokers.tell("start 1");
    std::thread::sleep(Duration::from_secs(2));
    first.kill();
    others.into_iter().for_each(Run::kill);
    for partition in 0..PARTITIONS {
        topics.give_values(name, partition, &["last"]);
    }
    let rows = ROWS + usize::try_from(PARTITIONS).unwrap();
    visible(rows);
    standbys.into_iter().for_each(Run::stop);
    check_each_once(&topics, name, rows, &pipeline);
}

#[test]
fn members_come_go_die_and_freeze_and_each_row_is_there_once() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for seed in seeds(10) {
        storm(&topics, seed);
    }
}

#[test]
fn a_member_that_is_stopped_leaves_at_once_and_another_goes_on_where_it_was() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let name = "handed-over";
    topics.make(name, PARTITIONS);
    topics.make("handed-over-out", 1);
    let pipeline = Pipeline::new(&manifest(&topics, name));
    let first = pipeline.start();
    for partition in 0..PARTITIONS {
        topics.give_values(name, partition, &["a", "b"]);
    }
    let rows = |count: usize| {
        let seen = || counts(&topics, name).len();
        until_or(
            || format!("{} rows, {}", seen(), pipeline.log()),
            || seen() == count,
        );
    };
    rows(8);
    assert_eq!(topics.committed(name, name), vec![Some(2); 4]);
    let second = pipeline.start();
    first.stop();
    for partition in 0..PARTITIONS {
        topics.give_values(name, partition, &["c"]);
    }
    rows(12);
    second.stop();
    assert_eq!(topics.committed(name, name), vec![Some(3); 4]);
    assert!(counts(&topics, name).values().all(|count| *count == 1));
}

/// Of a member that died on its way to commit the broker knows positions that may come to be.
#[test]
fn positions_in_a_transaction_that_is_open_are_waited_for() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let name = "pending";
    topics.make(name, PARTITIONS);
    topics.make("pending-out", 1);
    let pipeline = Pipeline::new(&manifest(&topics, name));
    for partition in 0..PARTITIONS {
        topics.give_values(name, partition, &["a", "b"]);
    }
    let until_rows = |count: usize| {
        let seen = || counts(&topics, name).len();
        until_or(
            || format!("{} rows, {}", seen(), pipeline.log()),
            || seen() == count,
        );
    };
    let first = pipeline.start();
    until_rows(8);
    first.stop();
    let dead = topics.sender(&[("transactional.id", name)]);
    dead.init_transactions(LONG).unwrap();
    dead.begin_transaction().unwrap();
    let mut positions = TopicPartitionList::new();
    let offset = Offset::Offset(2);
    positions.add_partition_offset(name, 3, offset).unwrap();
    let consumer = topics.consumer(&[("group.id", name)]);
    let group = consumer.group_metadata().unwrap();
    let sent = dead.send_offsets_to_transaction(&positions, &group, LONG);
    sent.unwrap();
    let second = pipeline.start();
    pipeline.until_said("cannot read the group's offsets");
    dead.abort_transaction(LONG).unwrap();
    for partition in 0..PARTITIONS {
        topics.give_values(name, partition, &["c"]);
    }
    until_rows(12);
    second.stop();
    check_each_once(&topics, name, 12, &pipeline);
}

#[test]
fn what_cannot_be_shared_is_refused_with_the_reason() {
    let pipeline = Pipeline::new(
        "
name: refused
trigger: 1m
checkpoint: { to: ./state }
sources:
  in: { kafka: { servers: '127.0.0.1:9', topics: t, sharing: group }, format: text }
transforms:
  counts: { sql: 'SELECT value, count(*) AS n FROM in GROUP BY value' }
sinks:
  out: { from: counts, console: {}, mode: complete }
",
    );
    let said = pipeline.tell(&["check", "p.yaml"]);
    for reason in [
        "positions are in the transactions of its sink, and a `checkpoint` would hold others",
        "what this node keeps, or puts together, would be of those alone",
        "rows and positions are committed in one transaction, of one `kafka` sink",
        "an epoch takes 10s at most: `trigger: 10s`",
        "4 errors",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

/// Offsets of an aborted transaction hold back the other partition's share, so that it is paused;
/// and so it would stay through the assignments that others cause.
#[test]
fn a_partition_that_is_paused_is_read_again_after_a_rebalance() {
    const ROWS: usize = 400;
    let Some(topics) = Topics::shared() else {
        return;
    };
    let name = "paused";
    topics.make(name, 2);
    topics.make("paused-out", 1);
    let rest = "x".repeat(40_000);
    let values: Vec<_> = (0..ROWS).map(|row| format!("{row:03}{rest}")).collect();
    topics.give_values(name, 0, &values);
    let lost: Vec<&str> = (0..4000).map(|_| "lost").collect();
    topics.transact(name, 1, &lost, false);
    let limited = manifest_with(&topics, name, "\n      max_rows: 20");
    let short = "concat(CAST(partition AS STRING), ':', substr(value, 1, 3))";
    let long = "concat(CAST(partition AS STRING), ':', CAST(offset AS STRING), ':', value)";
    let limited = limited.replace(long, short);
    assert!(limited.contains(short), "{limited}");
    let pipeline = Pipeline::new(&limited);
    let visible = |least: usize| {
        let seen = || counts(&topics, name).len();
        until_or(
            || format!("{} rows, {}", seen(), pipeline.log()),
            || seen() >= least,
        );
    };
    let mut runs = vec![pipeline.start()];
    visible(1);
    for _ in 0..2 {
        runs.push(pipeline.start());
        std::thread::sleep(Duration::from_millis(700));
    }
    visible(ROWS);
    runs.into_iter().for_each(Run::stop);
    check_each_once(&topics, name, ROWS, &pipeline);
}
