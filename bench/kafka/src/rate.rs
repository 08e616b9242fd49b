//! How many records a second.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Place;
use crate::azud::{Delivery, Running};
use crate::bare::copy;
use crate::cpu::cpu;
use crate::topics::{Ends, fill, make, remove};

const PATIENCE: Duration = Duration::from_secs(300);

const ROUNDS: usize = 3;

const DELIVERIES: [Delivery; 3] = [
    Delivery::AtLeastOnce,
    Delivery::ExactlyOnce(1000),
    Delivery::ExactlyOnce(100),
];

/// How long a copy took, and how many seconds of processors.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

impl Took {
    const NEVER: Self = Self {
        seconds: f64::MAX,
        cpu: f64::MAX,
    };
}

pub(crate) fn race(place: &Place, bytes: usize, records: usize) -> Result<()> {
    let servers = &place.servers;
    make(servers, "bench-in")?;
    let kept = fill(servers, "bench-in", records, bytes)?;
    println!("{records} records of {bytes} bytes, of which {kept} are kept");
    let mut best = [Took::NEVER; 4];
    // In turn: what the machine does beside it hits all of them. Each has a topic of its own.
    for round in 0..ROUNDS {
        let turns = [None].into_iter().chain(DELIVERIES.map(Some));
        for (turn, (delivery, best)) in turns.zip(&mut best).enumerate() {
            let to = format!("bench-out-{round}-{turn}");
            make(servers, &to)?;
            let took = match delivery {
                None => bare(servers, &to, records)?,
                Some(delivery) => azud(place, &to, kept, delivery)?,
            };
            remove(servers, &to)?;
            if took.seconds < best.seconds {
                *best = took;
            }
        }
    }
    let names = [
        "bare loop",
        "at least once",
        "exactly once, 1 s",
        "exactly once, 100 ms",
    ];
    for (name, took) in names.iter().zip(&best) {
        show(name, records, took);
    }
    let [bare, at_least, second, tenth] = best.map(|took| took.seconds);
    println!("at least once / bare loop: {:.2}x", bare / at_least);
    println!(
        "exactly once, 1 s / at least once: {:.2}x",
        at_least / second
    );
    println!(
        "exactly once, 100 ms / at least once: {:.2}x",
        at_least / tenth
    );
    Ok(())
}

fn show(what: &str, records: usize, took: &Took) {
    let (rate, per_cpu) = (records as f64 / took.seconds, records as f64 / took.cpu);
    println!(
        "{what:<22} {:>8.3} s {rate:>10.0} records/s, {per_cpu:>8.0} records a CPU second",
        took.seconds
    );
}

fn bare(servers: &str, to: &str, records: usize) -> Result<Took> {
    let before = cpu("self")?;
    let took = copy(servers, "bench-in", to, records)?;
    Ok(Took {
        seconds: took.as_secs_f64(),
        cpu: cpu("self")? - before,
    })
}

/// As long as all of it would take at the rate of what comes after the first tenth: starting a
/// process, and its plugin, is not part of that. Nor is the last epoch, which waits for its time
/// with fewer records than there could be.
fn azud(place: &Place, to: &str, kept: usize, delivery: Delivery) -> Result<Took> {
    let ends = Ends::new(&place.servers, to)?;
    let mut running = Running::start(place, "bench-in", to, delivery)?;
    let begun = Instant::now();
    // When some were first seen, and how many there are once their epoch is there in all partitions.
    let mut commits: Vec<(Instant, usize)> = Vec::new();
    let mut seen = 0;
    while seen < kept {
        running.check()?;
        if begun.elapsed() > PATIENCE {
            bail!("not all records have come");
        }
        std::thread::sleep(Duration::from_millis(5));
        // A topic that was just made may have no leader yet.
        let visible = ends.visible().unwrap_or(seen);
        if visible == seen {
            continue;
        }
        seen = visible;
        match commits.last_mut() {
            Some((at, all)) if at.elapsed() < delivery.epoch() / 2 => *all = seen,
            _ => commits.push((Instant::now(), seen)),
        }
    }
    let cpu = running.cpu()?;
    if matches!(delivery, Delivery::ExactlyOnce(_)) {
        commits.pop();
    }
    let first = commits.iter().find(|(_, visible)| *visible >= kept / 10);
    let (Some((started, before)), Some((ended, after))) = (first, commits.last()) else {
        bail!("there are too few epochs");
    };
    let part = (after - before) as f64 / kept as f64;
    if part <= 0.0 {
        bail!("there are too few epochs");
    }
    Ok(Took {
        seconds: (*ended - *started).as_secs_f64() / part,
        cpu,
    })
}
