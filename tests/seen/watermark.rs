//! How far event time has come at each node: that of the slowest source above it.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;

use crate::ask::until;
use crate::pipeline::Folder;

#[test]
fn a_node_has_the_watermark_of_its_slowest_source() {
    let servers = ["left", "right"].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [left, right] = &servers;
    let source = |name: &str, server: &TcpListener| {
        let port = server.local_addr().unwrap().port();
        format!(
            "  {name}:
    socket: {{ connect: '127.0.0.1:{port}' }}
    format: json
    schema: {{ n: bigint, ts: timestamp }}
    time: {{ column: ts, delay: 0s }}
"
        )
    };
    let folder = Folder::new(&format!(
        "
name: timed
trigger: 100ms
sources:
{}{}  bare: {{ generator: {{ rows_per_second: 10, columns: {{ n: {{ type: bigint }} }} }} }}
transforms:
  both: {{ sql: 'SELECT n, ts FROM left UNION ALL SELECT n, ts FROM right' }}
  counts: {{ sql: \"SELECT window, count(*) AS c FROM both GROUP BY window(ts, '10 seconds')\" }}
sinks:
  counted: {{ from: counts, blackhole: {{}} }}
  first: {{ from: left, blackhole: {{}} }}
  none: {{ from: bare, blackhole: {{}} }}
",
        source("left", left),
        source("right", right),
    ));
    let pipeline = folder.run(&[], &[]);
    let (mut left, _) = left.accept().unwrap();
    let (mut right, _) = right.accept().unwrap();
    let mut send = |is_left: bool, second: u32| {
        let connection = if is_left { &mut left } else { &mut right };
        writeln!(
            connection,
            r#"{{"n":1,"ts":"2026-01-01T00:00:{second:02}Z"}}"#
        )
        .unwrap();
    };
    let at = |second: u32| Value::from(format!("2026-01-01T00:00:{second:02}Z"));
    let wait = |left: Value, right: Value, slowest: &Value| {
        until("the watermarks of all nodes", || {
            let of = |node: &str| pipeline.node(node)["watermark"].clone();
            let (left, right, slowest) = (left.clone(), right.clone(), slowest.clone());
            let expected = [
                left.clone(),
                right,
                slowest.clone(),
                slowest.clone(),
                slowest,
                left,
            ];
            let nodes = ["left", "right", "both", "counts", "counted", "first"];
            (nodes.map(of) == expected && of("none").is_null()).then_some(())
        });
    };
    send(true, 10);
    wait(at(10), Value::Null, &Value::Null);
    send(false, 4);
    wait(at(10), at(4), &at(4));
    send(false, 20);
    wait(at(10), at(20), &at(10));
    let shown = pipeline.azud(&["status"]).text;
    let counts = shown
        .lines()
        .find(|line| line.starts_with("counts "))
        .unwrap();
    assert!(counts.contains("2026-01-01T00:00:10Z"), "{shown}");
    pipeline.drain();
}
