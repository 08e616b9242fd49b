//! The only broker goes away under load, and comes back: the pipeline waits, and nothing is
//! missing or doubled.

use std::sync::Arc;
use std::time::Duration;

use crate::brokers::Brokers;
use crate::flow::Flow;
use crate::is_long;
use crate::topics::Topics;

/// Ten times what it should take.
const RECOVERY: Duration = Duration::from_secs(100);

#[test]
fn a_broker_that_is_stopped_or_killed_and_started_again_costs_nothing_but_time() {
    let Some(brokers) = Brokers::start(&[]) else {
        return;
    };
    let topics = Arc::new(Topics::at(brokers.servers()));
    let flow = Flow::new(&topics, "restarts", "100ms", "", "");
    let writes = flow.write(3_000);
    let mut run = flow.pipeline.start();
    flow.until_flows(&mut run, 3_000);
    let rounds = if is_long() { 10 } else { 3 };
    for round in 0..rounds {
        let how = if round % 2 == 0 { "kill 1" } else { "stop 1" };
        brokers.tell(how);
        std::thread::sleep(Duration::from_millis(300 + round * 500));
        brokers.tell("start 1");
        let recovery = flow.until_flows(&mut run, 3_000);
        println!("{how}: 90 % of the rate {recovery:?} after its start");
        assert!(recovery < RECOVERY, "{recovery:?}");
    }
    flow.end(run, writes, &format!("{rounds} restarts"));
}

/// At least once nothing is missing either.
#[test]
fn at_least_once_a_restart_loses_nothing() {
    let Some(brokers) = Brokers::start(&[]) else {
        return;
    };
    let topics = Arc::new(Topics::at(brokers.servers()));
    let sink = ", delivery: at-least-once";
    let flow = Flow::new(&topics, "at-least", "100ms", "", sink);
    let writes = flow.write(3_000);
    let mut run = flow.pipeline.start();
    flow.until_flows(&mut run, 3_000);
    for how in ["kill 1", "stop 1"] {
        brokers.tell(how);
        brokers.tell("start 1");
        flow.until_flows(&mut run, 3_000);
    }
    let each = writes.end();
    flow.until_done(&mut run, each);
    run.stop();
    let verdict = flow.verdict(each);
    println!("at least once: {verdict}");
    assert_eq!(verdict.missing, 0);
}
