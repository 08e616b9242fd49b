//! What it costs that a pipeline is watched: with its metrics scraped and its status asked each
//! second, beside the same pipeline without an endpoint.
//!
//! `cargo build --release --workspace && target/release/azud-bench-telemetry [ROUNDS] [ROWS]`, in
//! the repository's folder. Runs the `azud` beside it, in turns, and prints ratios of the time and
//! of the processors' time. Counting itself is in both.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod run;

use std::path::Path;

use anyhow::Result;

use run::Run;

/// Small epochs, small batches, a call of a plugin for each: as much counting as there may be.
const MANIFEST: &str = "
name: telemetry
trigger: continuous
parallelism: 2
sources:
  numbers:
    generator:
      rows: ROWS
      columns: { n: { type: bigint, max: 6 }, id: { type: bigint, sequence: true } }
transforms:
  said: { from: numbers, plugin: said, config: { said: x }, max_rows: 1024 }
  few: { sql: 'SELECT id, n, said FROM said WHERE n < 3' }
  counts: { sql: 'SELECT n, count(*) AS c, sum(id) AS s FROM said GROUP BY n' }
sinks:
  nowhere: { from: few, blackhole: {} }
  counted: { from: counts, mode: update, blackhole: {} }
plugins:
  said: { path: GUEST }
";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let rows: u64 = arguments
        .next()
        .map_or(Ok(150_000_000), |text| text.parse())?;
    let guests = azud_build::Builder::new().target_dir(Path::new("target/guests"));
    let guest = std::path::absolute(guests.build(Path::new("tests/evil/guest"))?)?;
    let folder = Path::new("target/bench/telemetry");
    std::fs::create_dir_all(folder)?;
    let manifest = folder.join("pipeline.yaml");
    let text = MANIFEST.replace("ROWS", &rows.to_string());
    let text = text.replace("GUEST", &format!("'{}'", guest.display()));
    std::fs::write(&manifest, text)?;
    // The component is compiled, and everything has been read from the disk once.
    run::alone(&manifest)?;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // Whoever comes second has warmer caches, and a warmer processor.
        let (alone, watched) = match round % 2 {
            0 => {
                let alone = run::alone(&manifest)?;
                (alone, run::watched(&manifest)?)
            }
            _ => {
                let watched = run::watched(&manifest)?;
                (run::alone(&manifest)?, watched)
            }
        };
        let ratio = tell(round + 1, rows, &alone, &watched);
        ratios.push(ratio);
    }
    let (time, processors): (Vec<f64>, Vec<f64>) = ratios.into_iter().unzip();
    println!(
        "watched / alone, the middle of {rounds} rounds: time {:.3} (aim 1.01), processors' time {:.3}",
        middle(time),
        middle(processors)
    );
    Ok(())
}

/// Prints a round; answers the ratios of both times.
fn tell(round: u32, rows: u64, alone: &Run, watched: &Run) -> (f64, f64) {
    let time = watched.time.as_secs_f64() / alone.time.as_secs_f64();
    let processors = watched.processors.as_secs_f64() / alone.processors.as_secs_f64();
    println!(
        "round {round}: alone {:.2} M rows/s; scraped {} times, in {:.1} ms at most: time {time:.3}, \
         processors' time {processors:.3}",
        rows as f64 / alone.time.as_secs_f64() / 1e6,
        watched.scrapes,
        watched.slowest.as_secs_f64() * 1e3,
    );
    (time, processors)
}

fn middle(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}
