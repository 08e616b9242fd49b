//! A sink that takes nothing: the lag grows, is shown, and goes away.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use crate::ask::until;
use crate::pipeline::Folder;

/// Rows of a step.
const ROWS: u64 = 1_000;

#[test]
fn a_slow_sink_shows_in_the_lag_of_its_source() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let folder = Folder::new(&format!(
        "
name: slow
trigger: 100ms
parallelism: 1
checkpoint: {{ to: ./state }}
sources:
  in: {{ socket: {{ connect: '127.0.0.1:{port}' }}, format: text }}
sinks:
  screen: {{ from: in, console: {{ style: json }} }}
"
    ));
    // Nobody reads what it prints, for now.
    let mut pipeline = folder.run_to(Stdio::piped(), &[], &[]);
    let (mut connection, _) = server.accept().unwrap();
    let line = "x".repeat(500);
    let lag = |pipeline: &crate::pipeline::Pipeline<'_>| pipeline.node("in")["lag"].as_u64();
    until("the source knows its lag", || lag(&pipeline));
    let mut sent = 0;
    let behind = until("a lag that stays", || {
        let behind = lag(&pipeline).unwrap();
        if behind > 5 * ROWS {
            // It may have been on its way.
            std::thread::sleep(Duration::from_millis(500));
            return lag(&pipeline).filter(|now| *now == behind);
        }
        for _ in 0..ROWS {
            writeln!(connection, "{line}").unwrap();
        }
        sent += ROWS;
        None
    });
    let status = pipeline.azud(&["status"]).text;
    let head = status
        .lines()
        .find(|line| line.starts_with("node"))
        .unwrap();
    assert!(head.contains("lag") && head.contains("queue"), "{status}");
    println!("{sent} rows sent, {behind} behind:\n{status}");
    assert!(behind <= sent);
    until("metrics and status say the same", || {
        let journal = [("node", "in"), ("partition", "journal-0")];
        let metrics = pipeline.metrics();
        let measured = metrics.get("azud_source_lag_records", &journal).unwrap();
        (lag(&pipeline).map(|lag| lag as f64) == Some(measured)).then_some(())
    });
    // Somebody reads: all of it comes.
    let stdout = pipeline.take_stdout();
    let reads = std::thread::spawn(move || BufReader::new(stdout).lines().count());
    until("all is committed", || {
        let node = pipeline.node("screen");
        let is_all = node["rows_in"].as_u64() == Some(sent);
        (is_all && lag(&pipeline) == Some(0)).then_some(())
    });
    pipeline.drain();
    assert_eq!(reads.join().unwrap() as u64, sent);
}
