//! How many records a second.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Place;
use crate::azud::{Delivery, Running};
use crate::bare;
use crate::topics::{Ends, fill, make};

const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn race(place: &Place, bytes: usize, records: usize) -> Result<()> {
    let servers = &place.servers;
    make(servers, "bench-in")?;
    let kept = fill(servers, "bench-in", records, bytes)?;
    println!("{records} records of {bytes} bytes, of which {kept} are kept");
    let mut best = f64::MAX;
    for _ in 0..2 {
        make(servers, "bench-out")?;
        let took = bare::copy(servers, "bench-in", "bench-out", records)?;
        best = best.min(took.as_secs_f64());
    }
    show("bare loop", records, best, None);
    let at_least = azud(place, records, kept, Delivery::AtLeastOnce)?;
    let second = azud(place, records, kept, Delivery::ExactlyOnce(1000))?;
    let tenth = azud(place, records, kept, Delivery::ExactlyOnce(100))?;
    println!("at least once / bare loop: {:.2}x", best / at_least);
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

fn show(what: &str, records: usize, seconds: f64, cpu: Option<f64>) {
    let rate = records as f64 / seconds;
    let cpu = cpu.map(|cpu| format!(", {:.0} records a CPU second", records as f64 / cpu));
    println!(
        "{what:<22} {seconds:>8.3} s {rate:>10.0} records/s{}",
        cpu.unwrap_or_default()
    );
}

/// The best of two: from the start of the process until the last record can be read.
fn azud(place: &Place, records: usize, kept: usize, delivery: Delivery) -> Result<f64> {
    let mut best = (f64::MAX, 0.0);
    for _ in 0..2 {
        make(&place.servers, "bench-out")?;
        let ends = Ends::new(&place.servers, "bench-out")?;
        let started = Instant::now();
        let mut running = Running::start(place, "bench-in", "bench-out", delivery)?;
        while ends.visible()? < kept {
            running.check()?;
            if started.elapsed() > PATIENCE {
                bail!("not all records have come");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = started.elapsed().as_secs_f64();
        if took < best.0 {
            best = (took, running.cpu()?);
        }
    }
    let name = match delivery {
        Delivery::AtLeastOnce => "at least once".to_owned(),
        Delivery::ExactlyOnce(every) => format!("exactly once, {every} ms"),
    };
    show(&name, records, best.0, Some(best.1));
    Ok(best.0)
}
