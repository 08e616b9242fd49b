//! What a plugin that never comes back takes from another pipeline of the same process.
//!
//! `cargo build --release --workspace && target/release/azud-bench-neighbour [ROUNDS]`, in the
//! repository's folder. A neighbour counts rows by SQL on every core; beside it a pipeline is
//! started whose plugin loops on every lane, at once or on all that comes after it has worked for
//! a moment, until its breaker ends it. The neighbour's rate is taken before, meanwhile, from two
//! seconds after the start on, and afterwards; the same once where nothing is started: what the
//! machine itself makes of it. Each round prints its lines, the end the middle of them.
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

/// What the other one does, and how many rows go well before it loops: some milliseconds' worth.
const KINDS: [(&str, Option<u32>); 3] = [
    ("nothing beside it", None),
    ("one that loops at once", Some(0)),
    ("one that loops after it has worked", Some(10_000)),
];

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
        let figures = figures(rounds, &neighbour, &loops);
        neighbour.stop();
        let outcome = runs.join().map_err(|_| anyhow!("the neighbour panicked"))?;
        figures.and(outcome.context("the neighbour"))
    })
}

/// All rounds: prints their lines, and the middle of each kind.
fn figures(rounds: u32, neighbour: &Pipeline, loops: &str) -> Result<()> {
    let mut all = KINDS.map(|_| Vec::new());
    for round in 1..=rounds {
        for ((kind, good), of_kind) in KINDS.iter().zip(&mut all) {
            // Compiled before anything is measured.
            let other = good.map(|good| Pipeline::new(&loops.replace("GOOD", &good.to_string())));
            let figures = Figures::take(neighbour, other.transpose()?.as_ref())?;
            println!("round {round}, {kind}: {}", figures.words());
            of_kind.push(figures);
        }
    }
    for ((kind, _), figures) in KINDS.iter().zip(&mut all) {
        let middle = |of: fn(&Figures) -> f64| {
            let mut values: Vec<f64> = figures.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let middle = Figures {
            alone: middle(|figures| figures.alone),
            ended: middle(|figures| figures.ended),
            meanwhile: middle(|figures| figures.meanwhile),
            back: middle(|figures| figures.back),
        };
        println!("middle of {rounds}, {kind}: {}", middle.words());
    }
    Ok(())
}

/// What the neighbour did.
struct Figures {
    /// Rows a second.
    alone: f64,
    /// When the other one was ended, in seconds.
    ended: f64,
    /// Its rate until then, to alone.
    meanwhile: f64,
    /// And from [`BACK`] on.
    back: f64,
}

// === impl Figures ===

impl Figures {
    fn take(neighbour: &Pipeline, other: Option<&Pipeline>) -> Result<Self> {
        let rate = |during: Duration| {
            let (rows, start) = (neighbour.rows(), now());
            thread::sleep(during);
            (neighbour.rows() - rows) as f64 / start.elapsed().as_secs_f64()
        };
        thread::sleep(Duration::from_millis(500));
        let before = rate(WHILE);
        let (rows, start) = (neighbour.rows(), now());
        let (ended, meanwhile, back) = thread::scope(|scope| {
            let runs = other.map(|other| scope.spawn(|| other.run()));
            let is_over = || match &runs {
                Some(runs) => runs.is_finished() || start.elapsed() > Duration::from_secs(20),
                None => start.elapsed() > Duration::from_secs(1),
            };
            while !is_over() {
                thread::sleep(Duration::from_millis(5));
            }
            let ended = start.elapsed();
            let meanwhile = (neighbour.rows() - rows) as f64 / ended.as_secs_f64();
            thread::sleep(BACK.saturating_sub(start.elapsed()));
            let back = rate(WHILE);
            if let (Some(other), Some(runs)) = (other, runs) {
                other.stop();
                let outcome = runs.join().map_err(|_| anyhow!("the other one panicked"))?;
                outcome.err().context("what loops has ended well")?;
            }
            anyhow::Ok((ended.as_secs_f64(), meanwhile, back))
        })?;
        let after = rate(WHILE);
        let alone = f64::midpoint(before, after);
        Ok(Self {
            alone,
            ended,
            meanwhile: meanwhile / alone,
            back: back / alone,
        })
    }

    fn words(&self) -> String {
        format!(
            "the neighbour alone {:.2} M rows/s; until {:.2} s, when the other one is ended, {:.2}x \
             (fair share: 0.50x); from {:.0} s after its start on {:.2}x (aim 0.95x)",
            self.alone / 1e6,
            self.ended,
            self.meanwhile,
            BACK.as_secs_f64(),
            self.back
        )
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}
