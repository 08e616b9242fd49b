//! Sockets: a flood, a thousand connections, a server that is not there yet.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process::{Run, lines, until};

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Tries until it listens.
pub(crate) fn connect(port: u16) -> TcpStream {
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(connection) => return connection,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Nobody reads what the console prints: then the sender has to wait, and
/// memory does not grow. Once somebody reads, every line is there, once.
#[test]
fn a_sender_that_is_too_fast_is_held_back() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let manifest = format!(
        "
name: flood
trigger: 100ms
parallelism: 1
sources:
  lines: {{ socket: {{ connect: '127.0.0.1:{port}' }}, format: text }}
sinks:
  screen: {{ from: lines, console: {{ style: json }} }}
"
    );
    let mut run = Run::start(&manifest);
    let stdout = run.take_stdout();
    let (mut connection, _) = server.accept().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let sending = sent.clone();
    // 300 MB, if nobody says stop.
    let sender = std::thread::spawn(move || {
        let padding = "x".repeat(980);
        for number in 0..300_000 {
            connection
                .write_all(format!("{number:08} {padding}\n").as_bytes())
                .unwrap();
            sending.store(number + 1, Ordering::Relaxed);
        }
    });
    // It stands still when two looks, a second apart, see the same.
    let mut last = 0;
    until("the sender is held back", || {
        std::thread::sleep(Duration::from_secs(1));
        let now = sent.load(Ordering::Relaxed);
        std::mem::replace(&mut last, now) == now && now > 0
    });
    let (memory, _) = run.memory();
    println!(
        "held back after {last} KB, with {} MB of memory",
        memory >> 20
    );
    assert!(last < 200_000, "{last} KB were taken without being read");
    assert!(memory < 300 << 20, "{memory} bytes of memory");

    let mut expected = 0;
    for line in BufReader::new(stdout).lines() {
        let line = line.unwrap();
        assert!(
            line.starts_with(&format!("{{\"value\":\"{expected:08} ")),
            "line {expected}: {line}"
        );
        expected += 1;
        if expected == 300_000 {
            break;
        }
    }
    sender.join().unwrap();
    assert_eq!(expected, 300_000);
}

#[test]
fn a_thousand_connections_lose_no_line() {
    let port = free_port();
    let manifest = format!(
        "
name: many
trigger: 200ms
parallelism: 2
sources:
  lines: {{ socket: {{ listen: '127.0.0.1:{port}' }}, format: text }}
sinks:
  out: {{ from: lines, file: {{ path: ./out }}, format: json }}
"
    );
    let run = Run::start(&manifest);
    let mut connections: Vec<TcpStream> = (0..1_000).map(|_| connect(port)).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        connection
            .write_all(format!("{number} a\n{number} b").as_bytes())
            .unwrap();
    }
    drop(connections);
    let out = run.path("out");
    until("all lines", || lines(&out).len() >= 2_000);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let mut expected: Vec<String> = (0..1_000)
        .flat_map(|number| ["a", "b"].map(|line| format!("{{\"value\":\"{number} {line}\"}}")))
        .collect();
    expected.sort();
    assert_eq!(ended.lines("out"), expected);
}

/// They wait until one of those that are read has closed.
#[test]
fn more_connections_than_allowed_wait_and_lose_no_line() {
    let port = free_port();
    let manifest = format!(
        "
name: few
trigger: 200ms
parallelism: 2
sources:
  lines: {{ socket: {{ listen: '127.0.0.1:{port}', max_connections: 3 }}, format: text }}
sinks:
  out: {{ from: lines, file: {{ path: ./out }}, format: json }}
"
    );
    let run = Run::start(&manifest);
    let senders: Vec<_> = (0..20)
        .map(|number| {
            std::thread::spawn(move || {
                let mut connection = connect(port);
                for line in 0..10 {
                    writeln!(connection, "{number} {line}").unwrap();
                    std::thread::sleep(Duration::from_millis(2));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
    let out = run.path("out");
    until("all lines", || lines(&out).len() >= 200);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let mut expected: Vec<String> = (0..20)
        .flat_map(|number| (0..10).map(move |line| format!("{{\"value\":\"{number} {line}\"}}")))
        .collect();
    expected.sort();
    assert_eq!(ended.lines("out"), expected);
}

/// Whoever is connected is read on while nobody else can be accepted.
#[test]
fn running_out_of_file_descriptors_costs_nobody_a_line() {
    let port = free_port();
    // A sink that opens no file: that would fail, and rightly so.
    let manifest = format!(
        "
name: full
trigger: 200ms
parallelism: 1
sources:
  lines: {{ socket: {{ listen: '127.0.0.1:{port}' }}, format: text }}
sinks:
  out: {{ from: lines, blackhole: {{}} }}
"
    );
    let mut run = Run::start_limited(&manifest, 40);
    let reports = BufReader::new(run.take_stdout());
    let read = Arc::new(AtomicU64::new(0));
    let counted = read.clone();
    std::thread::spawn(move || {
        for report in reports.lines() {
            let report: serde_json::Value = serde_json::from_str(&report.unwrap()).unwrap();
            counted.fetch_add(report["numInputRows"].as_u64().unwrap(), Ordering::Relaxed);
        }
    });
    let mut first = connect(port);
    writeln!(first, "first").unwrap();
    until("the first line", || read.load(Ordering::Relaxed) == 1);
    // More than there are descriptors; they say nothing.
    let idle: Vec<TcpStream> = (0..60).map(|_| connect(port)).collect();
    for number in 0..100 {
        writeln!(first, "{number}").unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    until("the first one's lines", || {
        read.load(Ordering::Relaxed) == 101
    });
    drop(idle);
    let mut later = connect(port);
    writeln!(later, "later").unwrap();
    until("a line of a later one", || {
        read.load(Ordering::Relaxed) == 102
    });
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    assert!(
        ended.stderr.contains("cannot accept a connection"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_comes_later_and_goes_is_read_again() {
    let port = free_port();
    let manifest = format!(
        "
name: later
trigger: 100ms
sources:
  lines: {{ socket: {{ connect: '127.0.0.1:{port}' }}, format: text }}
sinks:
  out: {{ from: lines, file: {{ path: ./out }}, format: json }}
"
    );
    let run = Run::start(&manifest);
    std::thread::sleep(Duration::from_millis(300));
    for round in 1..=2 {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (mut connection, _) = server.accept().unwrap();
        connection
            .write_all(format!("round {round}\nhalf").as_bytes())
            .unwrap();
    }
    let out = run.path("out");
    until("both rounds", || lines(&out).len() == 4);
    run.signal("INT");
    let ended = run.wait();
    ended.assert_success();
    // The last line of a connection needs no line end.
    assert_eq!(
        ended.lines("out"),
        [
            r#"{"value":"half"}"#,
            r#"{"value":"half"}"#,
            r#"{"value":"round 1"}"#,
            r#"{"value":"round 2"}"#,
        ]
    );
    assert!(
        ended.stderr.contains("cannot connect to"),
        "{}",
        ended.stderr
    );
}
