//! How long from produce to consumable.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::Place;
use crate::azud::{Delivery, Running};
use crate::topics::{PARTITIONS, make, send};

/// The first records are not counted: everything is only starting.
const WARM: Duration = Duration::from_secs(3);

pub(crate) fn measure(place: &Place, rate: usize, seconds: usize) -> Result<()> {
    println!("{rate} records of 100 bytes a second");
    for delivery in [
        None,
        Some(Delivery::AtLeastOnce),
        Some(Delivery::ExactlyOnce(100)),
        Some(Delivery::ExactlyOnce(1000)),
    ] {
        let mut all = run(place, rate, Duration::from_secs(seconds as u64), delivery)?;
        all.sort_unstable();
        let at = |part: f64| {
            let index = (all.len() as f64 * part) as usize;
            let micros = all.get(index.min(all.len().saturating_sub(1)));
            micros.map_or(f64::NAN, |micros| *micros as f64 / 1000.0)
        };
        let name = match delivery {
            None => "the broker alone".to_owned(),
            Some(Delivery::AtLeastOnce) => "at least once".to_owned(),
            Some(Delivery::ExactlyOnce(every)) => format!("exactly once, {every} ms"),
        };
        println!(
            "{name:<22} {} records, p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
            all.len(),
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
    Ok(())
}

/// Microseconds of each record; without a delivery, of those that nobody has moved.
fn run(place: &Place, rate: usize, time: Duration, delivery: Option<Delivery>) -> Result<Vec<u64>> {
    let servers = &place.servers;
    make(servers, "bench-in")?;
    make(servers, "bench-out")?;
    let running = delivery.map(|delivery| Running::start(place, "bench-in", "bench-out", delivery));
    let mut running = running.transpose()?;
    let topic = if running.is_some() {
        "bench-out"
    } else {
        "bench-in"
    };
    let clock = Instant::now();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let producing = scope.spawn(|| produce(servers, rate, clock, &stop));
        let consumed = consume(servers, topic, clock, time);
        stop.store(true, Ordering::Relaxed);
        let produced = producing
            .join()
            .map_err(|_| anyhow::anyhow!("the producer has failed"))?;
        if let Some(running) = &mut running {
            running.check()?;
        }
        produced?;
        consumed
    })
}

fn produce(servers: &str, rate: usize, clock: Instant, stop: &AtomicBool) -> Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("linger.ms", "1")
        .create()?;
    let mut value = vec![b'x'; 100];
    let (mut sent, mut turn) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let due = (clock.elapsed().as_secs_f64() * rate as f64) as usize;
        while sent < due {
            let now = u64::try_from(clock.elapsed().as_micros())?;
            value.splice(..9, [0].into_iter().chain(now.to_le_bytes()));
            let record = BaseRecord::<[u8], [u8]>::to("bench-in").payload(&value);
            send(&producer, record.partition(turn % PARTITIONS))?;
            sent += 1;
        }
        // One after the other, as Kafka's own client does where there is no key.
        turn += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    producer.flush(Duration::from_secs(10))?;
    Ok(())
}

fn consume(servers: &str, topic: &str, clock: Instant, time: Duration) -> Result<Vec<u64>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "bench-latency")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut all = Vec::new();
    while clock.elapsed() < WARM + time {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let sent = message.payload().and_then(|value| value.get(1..9));
        let sent = u64::from_le_bytes(sent.context("a record without its time")?.try_into()?);
        if sent > u64::try_from(WARM.as_micros())? {
            all.push(u64::try_from(clock.elapsed().as_micros())?.saturating_sub(sent));
        }
    }
    Ok(all)
}
