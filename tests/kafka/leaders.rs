//! Three brokers, of which one dies or hangs: the one that leads a partition, or the one that
//! coordinates the transactions and the group.

use std::sync::Arc;
use std::time::Duration;

use crate::brokers::Brokers;
use crate::flow::Flow;
use crate::is_long;
use crate::topics::Topics;

/// Ten times what it should take.
const RECOVERY: Duration = Duration::from_secs(100);

#[test]
fn of_three_brokers_each_may_die_or_hang() {
    let Some(brokers) = Brokers::start(&["--brokers", "3"]) else {
        return;
    };
    let topics = Arc::new(Topics::at(brokers.servers()));
    let flow = Flow::new(&topics, "leaders", "100ms", "", "");
    let writes = flow.write(3_000);
    let mut run = flow.pipeline.start();
    flow.until_flows(&mut run, 3_000);
    let leader = topics.leader(&flow.to, 0);
    // Where the pipeline's transactions and markers are looked after.
    let of_transactions = topics.coordinator("__transaction_state", "leaders-out");
    let of_group = topics.coordinator("__consumer_offsets", "leaders-out-epochs");
    let mut victims = vec![
        ("the leader", leader, "kill", "start"),
        (
            "the transactions' coordinator",
            of_transactions,
            "freeze",
            "thaw",
        ),
    ];
    if is_long() {
        victims.extend([
            ("the leader", leader, "freeze", "thaw"),
            (
                "the transactions' coordinator",
                of_transactions,
                "kill",
                "start",
            ),
            ("the group's coordinator", of_group, "kill", "start"),
            ("the group's coordinator", of_group, "freeze", "thaw"),
            ("the leader", leader, "stop", "start"),
        ]);
    }
    for (who, broker, away, back) in victims {
        brokers.tell(&format!("{away} {broker}"));
        let recovery = flow.until_flows(&mut run, 3_000);
        println!("{away} of {who}: 90 % of the rate after {recovery:?}");
        assert!(recovery < RECOVERY, "{recovery:?}");
        brokers.tell(&format!("{back} {broker}"));
        flow.until_flows(&mut run, 3_000);
    }
    flow.end(run, writes, "three brokers");
}
