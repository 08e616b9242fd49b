//! Kafka -> SQL -> Kafka, exactly once; and the verdict on what came out.
//!
//! A record's value is `<partition>/<number>`, and it goes to the partition that it came from: so
//! every record is known, and so is the order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer;

use crate::pipeline::{Pipeline, Run, until, until_or};
use crate::topics::{Give, Topics, send};

pub(crate) const PARTITIONS: i32 = 3;

/// A pipeline from topic `<name>-in` to `<name>-out`.
pub(crate) struct Flow {
    pub(crate) pipeline: Pipeline,
    pub(crate) topics: Arc<Topics>,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Writes records until it is told to end.
pub(crate) struct Writes {
    ends: Arc<AtomicBool>,
    pub(crate) sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// How what came out differs from what must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: usize,
    pub(crate) missing: usize,
    pub(crate) doubled: usize,
    pub(crate) reordered: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: {} missing, {} doubled, {} reordered",
            self.rows, self.missing, self.doubled, self.reordered
        )
    }
}

// === impl Flow ===

impl Flow {
    /// `source` and `sink`: more options of theirs, each with a comma before it.
    pub(crate) fn new(
        topics: &Arc<Topics>,
        name: &str,
        trigger: &str,
        source: &str,
        sink: &str,
    ) -> Self {
        let (from, to) = (format!("{name}-in"), format!("{name}-out"));
        topics.make(&from, PARTITIONS);
        topics.make(&to, PARTITIONS);
        let servers = topics.servers();
        let pipeline = Pipeline::new(&format!(
            "
name: {name}
trigger: {trigger}
parallelism: 2
checkpoint: {{ to: ./state }}
sources:
  records:
    kafka: {{ servers: '{servers}', topics: {from}{source} }}
transforms:
  rows: {{ sql: \"SELECT partition, key, value FROM records WHERE value IS NOT NULL\" }}
sinks:
  out: {{ from: rows, kafka: {{ servers: '{servers}', topic: {to}{sink} }}, format: raw }}
"
        ));
        Self {
            pipeline,
            topics: topics.clone(),
            from,
            to,
        }
    }

    /// So many records a partition, at once.
    pub(crate) fn fill(&self, each: u64) {
        let sender = self.topics.sender(&[]);
        for number in 0..each {
            for partition in 0..PARTITIONS {
                let value = format!("{partition}/{number}");
                let value = Some(value.as_bytes());
                let give = Give {
                    partition,
                    value,
                    ..Give::default()
                };
                send(&sender, &self.from, &give);
            }
        }
        sender.flush(Duration::from_secs(60)).unwrap();
    }

    /// About so many records a second, in the order of their numbers, whatever becomes of brokers.
    pub(crate) fn write(&self, a_second: u64) -> Writes {
        let (ends, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, count) = (ends.clone(), sent.clone());
        let (topics, topic) = (self.topics.clone(), self.from.clone());
        let thread = std::thread::spawn(move || {
            let sender = topics.sender(&[("message.timeout.ms", "0")]);
            let started = Instant::now();
            let mut number = 0;
            while !until.load(Ordering::Relaxed) {
                let due = started.elapsed().as_millis() as u64 * a_second / 1000;
                while number * PARTITIONS as u64 <= due {
                    for partition in 0..PARTITIONS {
                        let value = format!("{partition}/{number}");
                        let value = Some(value.as_bytes());
                        let give = Give {
                            partition,
                            value,
                            ..Give::default()
                        };
                        send(&sender, &topic, &give);
                    }
                    number += 1;
                }
                count.store(number, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
            sender.flush(Duration::from_secs(60)).unwrap();
        });
        Writes { ends, sent, thread }
    }

    /// Every record of a careful reader, held against that many a partition.
    pub(crate) fn verdict(&self, each: u64) -> Verdict {
        let seen = self.topics.read_as(&self.to, |message| {
            use rdkafka::message::Message as _;
            let value = String::from_utf8(message.payload().unwrap().to_vec()).unwrap();
            let (partition, number) = value.split_once('/').unwrap();
            assert_eq!(partition, message.partition().to_string(), "{value}");
            (message.partition(), number.parse::<u64>().unwrap())
        });
        let mut verdict = Verdict {
            rows: seen.len(),
            ..Verdict::default()
        };
        let (mut counts, mut last) = (BTreeMap::new(), BTreeMap::new());
        for (partition, number) in seen {
            *counts.entry((partition, number)).or_insert(0) += 1;
            let before = last.insert(partition, number);
            verdict.reordered += usize::from(before.is_some_and(|before| before > number));
        }
        verdict.doubled = counts.values().filter(|count| **count > 1).count();
        let all = (0..PARTITIONS).flat_map(|partition| (0..each).map(move |n| (partition, n)));
        verdict.missing = all.filter(|one| !counts.contains_key(one)).count();
        verdict
    }

    /// Waits until all that was written is there, and stops the run; nothing may be wrong.
    pub(crate) fn end(&self, mut run: Run, writes: Writes, what: &str) {
        let each = writes.end();
        self.until_done(&mut run, each);
        run.stop();
        self.check(each, what);
    }

    pub(crate) fn until_done(&self, run: &mut Run, each: u64) {
        until("all is there", || {
            assert!(run.is_running(), "it ended: {}", self.pipeline.log());
            self.verdict(each).missing == 0
        });
    }

    pub(crate) fn check(&self, each: u64, what: &str) {
        let verdict = self.verdict(each);
        let expected = Verdict {
            rows: usize::try_from(each).unwrap() * PARTITIONS as usize,
            ..Verdict::default()
        };
        println!("{what}: {verdict}");
        assert_eq!(verdict, expected, "{what}\n{}", self.pipeline.log());
    }

    /// The ends of the topic that is written, all partitions together; 0 while nobody tells.
    pub(crate) fn end_of_output(&self) -> i64 {
        self.ends(&self.to).into_iter().flatten().sum()
    }

    /// The end of every partition, where anybody tells.
    fn ends(&self, topic: &str) -> Vec<Option<i64>> {
        let ends = (0..PARTITIONS).map(|partition| self.topics.try_bounds(topic, partition));
        ends.map(|bounds| bounds.map(|(_, end)| end)).collect()
    }

    /// How long it takes until there is as much again in a second as before.
    pub(crate) fn until_flows(&self, run: &mut Run, a_second: u64) -> Duration {
        let started = Instant::now();
        let mut looks = vec![(Instant::now(), self.end_of_output())];
        let what = || {
            let ends = [&self.from, &self.to].map(|topic| self.ends(topic));
            format!("rows come again: ends {ends:?}, {}", self.pipeline.log())
        };
        until_or(what, || {
            assert!(run.is_running(), "it ended: {}", self.pipeline.log());
            std::thread::sleep(Duration::from_millis(80));
            let (now, end) = (Instant::now(), self.end_of_output());
            looks.push((now, end));
            let long_ago = |look: &&(Instant, i64)| now - look.0 >= Duration::from_secs(1);
            let Some((then, before)) = looks.iter().rev().find(long_ago) else {
                return false;
            };
            let rate = (end - before) as f64 / (now - *then).as_secs_f64();
            *before > 0 && rate >= 0.9 * a_second as f64
        });
        started.elapsed()
    }
}

// === impl Writes ===

impl Writes {
    /// How many records each partition has, once all of them are written.
    pub(crate) fn end(self) -> u64 {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}
