//! New pipelines: each is right, passes its tests, and runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::support::Bench;

const RULE: &str = "-------------------------------------------";

/// Makes it, and does what it says up to the run.
fn new(from: &str) -> (Bench, String) {
    let bench = Bench::new();
    let wrote = bench.ok("", &format!("new pipeline spending --from {from}"));
    assert_eq!(
        bench.ok("spending", "check pipeline.yaml"),
        "pipeline.yaml: no errors\n"
    );
    let tested = bench.ok("spending", "test pipeline.yaml");
    assert!(tested.ends_with("1 passed, 0 failed\n"), "{tested}");
    (bench, wrote)
}

/// The tables that a run prints, each as its lines in order of the alphabet.
fn tables(stdout: &str) -> Vec<Vec<&str>> {
    let mut tables: Vec<Vec<&str>> = Vec::new();
    for line in stdout.lines() {
        match tables.last_mut() {
            _ if line.starts_with("Batch") => tables.push(Vec::new()),
            Some(table) if line.starts_with('|') => table.push(line),
            _ => {}
        }
    }
    tables.iter_mut().for_each(|table| table.sort_unstable());
    tables
}

#[test]
fn of_files() {
    let (bench, wrote) = new("file");
    assert_eq!(
        wrote,
        "\
wrote spending
  pipeline.yaml     the pipeline, with its tests
  data/orders.json  what it reads
next
  cd spending
  azud check pipeline.yaml  says what is wrong with it, if anything
  azud test pipeline.yaml   runs its tests
  azud run pipeline.yaml    runs it
"
    );
    let run = bench.ok("spending", "run pipeline.yaml");
    assert!(
        run.starts_with(&format!("{RULE}\nBatch: 0\n{RULE}\n")),
        "{run}"
    );
    let rows = [
        "| ana|     2|   75|",
        "|  cy|     1|  120|",
        "|user|orders|total|",
    ];
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    assert_eq!(tables(&run), [rows]);
    // Without `--from`, it is the same.
    let same = Bench::new();
    assert_eq!(same.ok("", "new pipeline spending"), wrote);
    let pipeline = "spending/pipeline.yaml";
    assert_eq!(same.read(pipeline), bench.read(pipeline));
}

#[test]
fn of_rows_that_are_made_up() {
    let (bench, _) = new("generator");
    let run = bench.ok("spending", "run pipeline.yaml");
    let tables = tables(&run);
    let last = tables.last().unwrap();
    let orders = |row: &&str| {
        row.split('|')
            .nth(2)
            .and_then(|cell| cell.trim().parse::<u64>().ok())
    };
    let orders: u64 = last.iter().filter_map(orders).sum();
    // Nine of its thirty orders are small at most: it has results to look at.
    assert!((21..=30).contains(&orders), "{run}");
}

#[test]
fn of_a_socket() {
    let (bench, wrote) = new("socket");
    assert!(
        wrote.ends_with("  nc 127.0.0.1 9999 < lines.txt  sends it lines, from another terminal\n"),
        "{wrote}"
    );
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut run = bench
        .command("spending", "run pipeline.yaml")
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listens at") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client
        .write_all(bench.read("spending/lines.txt").as_bytes())
        .unwrap();
    drop(client);
    let mut stdout = BufReader::new(run.stdout.take().unwrap());
    let mut printed = String::new();
    while !printed.ends_with("+\n\n") {
        assert!(stdout.read_line(&mut printed).unwrap() > 0, "{printed}");
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    stdout.read_to_string(&mut printed).unwrap();
    assert!(run.wait().unwrap().success());
    let tables = tables(&printed);
    let last = tables.last().unwrap();
    assert!(last.contains(&"|      to|    2|"), "{printed}");
    assert_eq!(
        last.len(),
        9,
        "eight words and the names of the columns: {printed}"
    );
}
