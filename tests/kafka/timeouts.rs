//! A transaction that takes longer than its broker waits: the coordinator ends it, and the epoch
//! is written again.

use std::sync::Arc;
use std::time::Duration;

use crate::brokers::Brokers;
use crate::flow::Flow;
use crate::is_long;
use crate::topics::Topics;

const SHORT: &str = ", properties: { transaction.timeout.ms: 2000 }";

#[test]
fn a_process_that_stands_still_for_longer_than_a_transaction_may_take_goes_on() {
    let Some(topics) = Topics::shared().map(Arc::new) else {
        return;
    };
    let flow = Flow::new(&topics, "still", "100ms", "", SHORT);
    let writes = flow.write(3_000);
    let mut run = flow.pipeline.start();
    flow.until_flows(&mut run, 3_000);
    let rounds = if is_long() { 10 } else { 2 };
    for round in 0..rounds {
        // Sooner or later it is within a transaction.
        std::thread::sleep(Duration::from_millis(round * 37));
        run.signal("STOP");
        std::thread::sleep(Duration::from_millis(3_500));
        run.signal("CONT");
        let recovery = flow.until_flows(&mut run, 3_000);
        println!("stopped for 3.5 s: 90 % of the rate after {recovery:?}");
    }
    flow.end(run, writes, &format!("{rounds} pauses"));
}

#[test]
fn a_broker_that_hangs_for_longer_than_a_transaction_may_take_costs_nothing_but_time() {
    let Some(brokers) = Brokers::start(&[]) else {
        return;
    };
    let topics = Arc::new(Topics::at(brokers.servers()));
    let flow = Flow::new(&topics, "hangs", "100ms", "", SHORT);
    let writes = flow.write(3_000);
    let mut run = flow.pipeline.start();
    flow.until_flows(&mut run, 3_000);
    let rounds = if is_long() { 10 } else { 2 };
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(round * 37));
        brokers.tell("freeze 1");
        std::thread::sleep(Duration::from_millis(4_000));
        brokers.tell("thaw 1");
        let recovery = flow.until_flows(&mut run, 3_000);
        println!("frozen for 4 s: 90 % of the rate after {recovery:?}");
    }
    // One that is slow: it works for a fifth of the time.
    for _ in 0..rounds * 5 {
        brokers.tell("freeze 1");
        std::thread::sleep(Duration::from_millis(400));
        brokers.tell("thaw 1");
        std::thread::sleep(Duration::from_millis(100));
    }
    let recovery = flow.until_flows(&mut run, 3_000);
    println!("slow for a while: 90 % of the rate after {recovery:?}");
    flow.end(run, writes, &format!("{rounds} hangs, and a slow broker"));
}
