//! A sink that is slow, and then stands still: the sender waits, memory does not grow,
//! nobody else is harmed, and in the end everything is there.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiny_http::{Response, Server};

use crate::data::{Row, files, row};
use crate::process::{finish, log, start, wait};
use crate::verdict::{Verdict, table};

/// About 200 MB: more than the process may have.
const ROWS: u64 = 200_000;
const PADDING: usize = 900;

/// The most memory that the process may have had, in bytes.
const MEMORY: u64 = 160 << 20;

/// What may be under way: the journal, two socket buffers, and what is in the pipeline.
const UNDER_WAY: u64 = (8 + 12 + 16) << 20;

/// So many requests take as long as a whole MiB does to a server ten times slower than the pipeline.
const SLOW_REQUESTS: u64 = 20;
const SLOW: Duration = Duration::from_millis(100);

/// How long nothing may move before the sender is taken to stand still.
const STILL: Duration = Duration::from_secs(3);

/// What the server has seen.
#[derive(Debug, Default)]
struct Seen {
    rows: Mutex<Vec<Row>>,
    bytes: AtomicU64,
    requests: AtomicU64,
    /// The request after the slow ones is answered once this is set.
    goes_on: AtomicU64,
}

fn serve(server: &Server, seen: &Seen) {
    for mut request in server.incoming_requests() {
        let mut body = String::new();
        request.as_reader().read_to_string(&mut body).unwrap();
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        match number {
            0..SLOW_REQUESTS => std::thread::sleep(SLOW),
            SLOW_REQUESTS => {
                while seen.goes_on.load(Ordering::SeqCst) == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            _ => {}
        }
        let rows = body.lines().map(Row::of_json);
        seen.rows.lock().unwrap().extend(rows);
        seen.bytes.fetch_add(body.len() as u64, Ordering::SeqCst);
        request.respond(Response::empty(204)).unwrap();
    }
}

fn manifest(socket: &str, server: &str) -> String {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/http-post");
    let plugin = plugin.canonicalize().unwrap();
    format!(
        "
name: slow
trigger: continuous
parallelism: 1
checkpoint: {{ to: ./state }}
sources:
  rows:
    socket: {{ connect: '{socket}' }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint, padding: string }}
    journal_size: 8MiB
sinks:
  hook: {{ from: rows, plugin: http_post, config: {{ url: 'http://{server}/in' }} }}
  fast: {{ from: rows, file: {{ path: ./fast }}, format: json }}
plugins:
  http_post: {{ source: '{}', grants: {{ http: ['{server}'] }} }}
",
        plugin.display()
    )
}

const NEIGHBOUR: &str = "
name: neighbour
trigger: once
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in, max_rows: 1000 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
";

/// Waits until something has come about; a run that ends before that fails the test.
fn until(what: &str, run: &mut Child, folder: &Path, mut is_so: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is_so() {
            return;
        }
        assert!(run.try_wait().unwrap().is_none(), "{what}: {}", log(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: never: {}", log(folder));
}

/// The most memory that a process has had, in bytes.
fn most_memory(run: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_sink_that_stands_still_holds_back_its_source_only() {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let seen = Arc::new(Seen::default());
    let (serving, seeing) = (server.clone(), seen.clone());
    let served = std::thread::spawn(move || serve(&serving, &seeing));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = manifest(
        &socket.local_addr().unwrap().to_string(),
        &server.server_addr().to_string(),
    );
    std::fs::write(folder.path().join("p.yaml"), text).unwrap();

    let mut run = start(folder.path(), None, &[]);
    socket.set_nonblocking(true).unwrap();
    let mut connection = None;
    until("it connects", &mut run, folder.path(), || {
        connection = socket.accept().ok();
        connection.is_some()
    });
    let (mut connection, _) = connection.unwrap();
    connection.set_nonblocking(false).unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let sending = sent.clone();
    let sender = std::thread::spawn(move || {
        let padding = "x".repeat(PADDING);
        for sequence in 0..ROWS {
            let json = row(7, 0, sequence).json();
            let open = json.strip_suffix('}').unwrap();
            let line = format!("{open},\"padding\":\"{padding}\"}}\n");
            connection.write_all(line.as_bytes()).unwrap();
            sending.fetch_add(line.len() as u64, Ordering::SeqCst);
        }
        connection
    });

    let requests = || seen.requests.load(Ordering::SeqCst);
    until("the sink stands still", &mut run, folder.path(), || {
        requests() > SLOW_REQUESTS
    });
    let mut last = u64::MAX;
    let mut looks = 0;
    until("the sender stands still", &mut run, folder.path(), || {
        let now = sent.load(Ordering::SeqCst);
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
        looks * 10 > STILL.as_millis()
    });
    let posted = seen.bytes.load(Ordering::SeqCst);
    println!("it stands still with {last} bytes sent and {posted} posted");
    assert!(
        last - posted < UNDER_WAY,
        "{last} bytes sent, {posted} posted"
    );
    assert_eq!(requests(), SLOW_REQUESTS + 1);

    // Meanwhile another process does its work, beginning to end.
    let other = tempfile::tempdir().unwrap();
    let rows = files(&other.path().join("in"), 8, 2, 5_000);
    std::fs::write(other.path().join("p.yaml"), NEIGHBOUR).unwrap();
    finish(other.path(), &[]);
    let verdict = Verdict::of(&rows, &table(&other.path().join("all")));
    assert!(verdict.is_good(), "the neighbour: {verdict}");
    assert_eq!(requests(), SLOW_REQUESTS + 1);

    seen.goes_on.store(1, Ordering::SeqCst);
    until("every row is posted", &mut run, folder.path(), || {
        seen.rows.lock().unwrap().len() as u64 >= ROWS
    });
    drop(sender.join().unwrap());
    let memory = most_memory(&run);
    let id = run.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-s", "TERM", &id]).status().unwrap().success());
    let status = wait(&mut run, folder.path());
    assert!(status.success(), "{status}: {}", log(folder.path()));
    server.unblock();
    served.join().unwrap();

    let rows: Vec<Row> = (0..ROWS).map(|sequence| row(7, 0, sequence)).collect();
    let verdict = Verdict::of(&rows, &seen.rows.lock().unwrap());
    assert!(verdict.is_good(), "posted: {verdict}");
    let verdict = Verdict::of(&rows, &table(&folder.path().join("fast")));
    assert!(verdict.is_good(), "the fast sink: {verdict}");
    println!(
        "at most {} MiB of memory for {} MiB of rows",
        memory >> 20,
        last_mib()
    );
    assert!(memory < MEMORY, "{memory} bytes of memory");
}

fn last_mib() -> u64 {
    (ROWS * (PADDING as u64 + 100)) >> 20
}
