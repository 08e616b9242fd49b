//! Time from a record's arrival to its acknowledgement, beside a plain write and sync.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::now;
use crate::source::{self, records};

const RECORDS: usize = 3000;

/// Between two records: some 200 a second.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let path = folder.join("latency");
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path)?;
    let (plain, journaled) = runtime.block_on(async {
        let mut file = File::create(path.join("plain"))?;
        let mut run = source::open(&path.join("journal")).await?;
        let (mut plain, mut journaled) = (Vec::new(), Vec::new());
        // In turns: both see the same disk.
        for number in 1..=RECORDS {
            let record = records(number as u64, 1);
            let start = now();
            file.write_all(&record.payload.bytes)?;
            file.sync_data()?;
            plain.push(start.elapsed());
            tokio::time::sleep(PAUSE).await;
            let start = now();
            run.feed.send(record).await?;
            run.acknowledged
                .recv()
                .await
                .context("the pump has ended")?;
            journaled.push(start.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok((plain, journaled))
    })?;
    fs::remove_dir_all(&path)?;
    println!("latency of 1 KB, {RECORDS} of them, us:");
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let (plain, journaled) = (quantile(&plain, part), quantile(&journaled, part));
        println!(
            "  {name}: write and sync {plain:.0}, journaled and acknowledged {journaled:.0}: {:.2}x",
            journaled / plain
        );
    }
    Ok(())
}

/// In microseconds.
fn quantile(times: &[Duration], part: f64) -> f64 {
    let mut times: Vec<_> = times.to_vec();
    times.sort_unstable();
    let at = (times.len() as f64 * part) as usize;
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
