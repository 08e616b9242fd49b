//! `kill -9`, at named points and at any time: what a careful reader sees is as if nothing had
//! happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::flow::Flow;
use crate::topics::Topics;
use crate::{is_long, seeds};

/// Where a run can be killed, and how often it comes there at least.
const POINTS: [(&str, u64); 9] = [
    ("before-kafka-commit", 8),
    ("after-kafka-commit", 8),
    ("after-spool", 8),
    ("before-commit", 8),
    ("after-commit", 8),
    ("before-record", 8),
    ("after-record", 8),
    ("after-fetch", 8),
    ("after-sink-write", 8),
];

#[test]
fn at_named_points() {
    let Some(topics) = Topics::shared().map(Arc::new) else {
        return;
    };
    let mut longest = Duration::ZERO;
    // Every point at least once.
    for seed in 0..if is_long() { 90 } else { 9 } {
        let (point, often) = POINTS[usize::try_from(seed).unwrap() % POINTS.len()];
        let name = format!("points-{seed}");
        let flow = Flow::new(&topics, &name, "once", ", max_rows: 300", "");
        flow.fill(1_000);
        let times = 1 + seed * 5 % often;
        let kill_at = format!("{point}:{times}");
        let what = format!("seed {seed}, killed at {kill_at}");
        let run = flow.pipeline.start_with(&[], &[("AZUD_KILL_AT", &kill_at)]);
        let status = run.wait();
        assert!(!status.success(), "{what}: {status}");
        let started = Instant::now();
        flow.pipeline.finish();
        longest = longest.max(started.elapsed());
        flow.check(1_000, &what);
    }
    println!("the longest run after a kill took {longest:?}");
}

/// Killed again and again while records come.
#[test]
fn at_any_time() {
    let Some(topics) = Topics::shared().map(Arc::new) else {
        return;
    };
    for seed in seeds(30) {
        let flow = Flow::new(&topics, &format!("any-{seed}"), "100ms", "", "");
        let writes = flow.write(3_000);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..5 {
            let run = flow.pipeline.start();
            std::thread::sleep(Duration::from_millis(random.u64(300..1_800)));
            run.kill();
        }
        let run = flow.pipeline.start();
        flow.end(run, writes, &format!("seed {seed}, killed 5 times"));
    }
}
