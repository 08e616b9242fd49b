//! What a plugin that never comes back takes from another pipeline of the same process.
//!
//! `cargo build --release --workspace && target/release/azud-bench-neighbour [ROUNDS]`, in the
//! repository's folder. A neighbour counts rows by SQL on every core; beside it a pipeline is
//! started whose plugin loops on every lane, at once or on all that comes after it has worked for
//! a moment, until its breaker ends it. The neighbour's rate is taken before, meanwhile, from two
//! seconds after the start on, and afterwards.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod pipeline;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use pipeline::Pipeline;

/// How long a rate is taken.
const WHILE: Duration = Duration::from_secs(2);

/// What the other one is, and how many rows go well before it loops: some milliseconds' worth.
const KINDS: [(&str, u32); 2] = [("at once", 0), ("after it has worked", 10_000)];

/// When the neighbour shall have its rate back.
const BACK: Duration = Duration::from_secs(2);

const NEIGHBOUR: &str = "
name: neighbour
trigger: 500ms
parallelism: 2
sources:
  numbers: { generator: { columns: { n: { type: bigint, max: 1000 } } } }
transforms:
  counted: { sql: 'SELECT n % 10 AS k, count(*) AS c, sum(n) AS s FROM numbers GROUP BY n % 10' }
sinks:
  nowhere: { from: counted, mode: complete, blackhole: {} }
";

const LOOPS: &str = "
name: loops
trigger: continuous
parallelism: 2
sources:
  numbers:
    generator:
      columns: { id: { type: bigint, sequence: true } }
transforms:
  sevens: { sql: 'SELECT CAST(CASE WHEN id < GOOD THEN 0 ELSE 7 END AS BIGINT) AS n, id FROM numbers' }
  evil: { from: sevens, plugin: evil, config: { where: process, how: loops, said: x } }
sinks:
  nowhere: { from: evil, blackhole: {} }
plugins:
  evil: { path: GUEST }
";

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let target = Path::new("target/guests");
    let builder = azud_build::Builder::new().target_dir(target);
    let guest = builder.build(Path::new("tests/evil/guest"))?;
    let guest = std::path::absolute(guest)?;
    let loops = LOOPS.replace("GUEST", &format!("'{}'", guest.display()));
    let neighbour = Pipeline::new(NEIGHBOUR)?;
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let runs = scope.spawn(|| {
            let outcome = neighbour.run();
            ended.store(true, Ordering::Relaxed);
            outcome
        });
        let figures = (1..=rounds)
            .flat_map(|round| KINDS.map(|kind| (round, kind)))
            .try_for_each(|(round, (kind, good))| {
                let loops = loops.replace("GOOD", &good.to_string());
                figures(&format!("round {round}, {kind}"), &neighbour, &loops)
            });
        neighbour.stop();
        let outcome = runs.join().map_err(|_| anyhow!("the neighbour panicked"))?;
        figures.and(outcome.context("the neighbour"))
    })
}

/// One round: prints a line.
fn figures(round: &str, neighbour: &Pipeline, loops: &str) -> Result<()> {
    let rate = |during: Duration| {
        let (rows, start) = (neighbour.rows(), now());
        thread::sleep(during);
        (neighbour.rows() - rows) as f64 / start.elapsed().as_secs_f64()
    };
    // Compiled before anything is measured.
    let loops = Pipeline::new(loops)?;
    thread::sleep(Duration::from_millis(500));
    let before = rate(WHILE);
    let (rows, start) = (neighbour.rows(), now());
    let (looped, meanwhile, back) = thread::scope(|scope| {
        let runs = scope.spawn(|| loops.run().err().map(|error| (now(), error)));
        while !runs.is_finished() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        let looped = start.elapsed();
        let meanwhile = (neighbour.rows() - rows) as f64 / looped.as_secs_f64();
        thread::sleep(BACK.saturating_sub(start.elapsed()));
        let back = rate(WHILE);
        loops.stop();
        let ended = runs.join().map_err(|_| anyhow!("the other one panicked"))?;
        ended.context("what loops has ended well")?;
        anyhow::Ok((looped, meanwhile, back))
    })?;
    let after = rate(WHILE);
    let alone = f64::midpoint(before, after);
    println!(
        "{round}: the neighbour alone {:.2} M rows/s; while the other one loops ({:.2} s) \
         {:.2}x (fair share: 0.50x); from {:.0} s after its start on {:.2}x (aim 0.95x)",
        alone / 1e6,
        looped.as_secs_f64(),
        meanwhile / alone,
        BACK.as_secs_f64(),
        back / alone
    );
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}
