//! Counters are exact, whatever happens meanwhile: swaps, versions that are taken back, manifests.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::ask::{get, until};
use crate::components::{bad, good};
use crate::exposition::{Exposition, Labels};
use crate::pipeline::{Folder, Pipeline};

const MANIFEST: &str = "
name: exact
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 1s }
sources:
  numbers:
    socket: { connect: '127.0.0.1:PORT' }
    format: json
    schema: { n: bigint }
    on_error: drop
transforms:
  evil: { from: numbers, plugin: evil }
  few: { sql: 'SELECT n, said FROM evil WHERE n < 3' }
  sums: { sql: 'SELECT n, count(*) AS rows FROM evil GROUP BY n' }
sinks:
  out: { from: few, blackhole: {} }
  counted: { from: sums, blackhole: {}, mode: update }
plugins:
  evil: { path: ./first.wasm, limits: { deadline: 1s } }
";

/// Does something until it is told to stop.
struct Until<T> {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Until<T> {
    fn new(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stops: Arc<AtomicBool> = Arc::default();
        let stopped = stops.clone();
        Self {
            stops,
            thread: thread::spawn(move || work(&stopped)),
        }
    }

    fn stop(self) -> T {
        self.stops.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

/// Sends records: in turns ten numbers, every tenth a 7, and one that is no JSON. Answers how many
/// of each, and the connection.
fn sends(mut connection: TcpStream) -> Until<(u64, u64, TcpStream)> {
    Until::new(move |stops| {
        let (mut good, mut bad) = (0, 0);
        while !stops.load(Ordering::Acquire) {
            let mut lines = String::new();
            for n in 0..10 {
                lines += &format!("{{\"n\":{n}}}\n");
            }
            connection.write_all(lines.as_bytes()).unwrap();
            connection.write_all(b"none\n").unwrap();
            (good, bad) = (good + 10, bad + 1);
            thread::sleep(Duration::from_millis(2));
        }
        (good, bad, connection)
    })
}

/// Scrapes; no counter of a node that stays may fall.
fn scrapes(address: &str) -> Until<usize> {
    let address = address.to_owned();
    Until::new(move |stops| {
        // These come and go.
        let stays = |labels: &Labels| {
            let node = labels.get("node").map(String::as_str);
            !matches!(node, Some("few" | "out" | "more" | "added"))
        };
        let mut before = Exposition::default();
        let mut count = 0;
        while !stops.load(Ordering::Acquire) {
            let now = Exposition::parse(&get(&address, "/metrics").body);
            now.assert_grown(&before, stays);
            before = now;
            count += 1;
            thread::sleep(Duration::from_millis(10));
        }
        count
    })
}

/// Versions that fail are taken back, one takes over, and so does another manifest, which has not
/// all nodes and one more, and the one from before.
fn change_everything(folder: &Folder, pipeline: &Pipeline<'_>, manifest: &str) {
    for how in ["panics", "short"] {
        let asked = pipeline.reload("evil", &bad("later", how));
        assert_eq!(asked.code, Some(1), "{how}: {}", asked.text);
    }
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    folder.write("second.wasm", &good(2));
    let manifest = manifest.replace("first.wasm", "second.wasm");
    let other = manifest
        .replace("few: { sql: 'SELECT n, said", "more: { sql: 'SELECT n")
        .replace("out: { from: few", "added: { from: more");
    for (manifest, gone, there) in [(&other, "few", "more"), (&manifest, "more", "few")] {
        folder.write("other.yaml", manifest.as_bytes());
        let path = folder.path("other.yaml");
        let asked = pipeline.azud(&["apply", path.to_str().unwrap()]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        let metrics = pipeline.metrics();
        let rows = |node| metrics.get("azud_node_input_rows_total", &[("node", node)]);
        assert_eq!(rows(gone), None, "it is removed");
        assert!(rows(there).is_some(), "{there}");
    }
}

#[test]
fn every_row_counts_once_over_swaps_rollbacks_and_manifests() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let manifest = MANIFEST.replace("PORT", &port.to_string());
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let (connection, _) = server.accept().unwrap();
    let sending = sends(connection);
    until("ready", || {
        (get(&address, "/ready").code == 200).then_some(())
    });
    let scraping = scrapes(&address);
    change_everything(&folder, &pipeline, &manifest);
    // It stays open: what ends is no pipeline any more.
    let (rows, refused, _connection) = sending.stop();
    until("all rows are committed", || {
        let committed = |node| pipeline.node(node)["rows_in"].as_u64();
        let is_all = committed("sums") == Some(rows);
        (is_all && committed("numbers") == Some(rows + refused)).then_some(())
    });
    let scraped = scraping.stop();

    let metrics = pipeline.metrics();
    let of = |family: &str, node: &str| {
        metrics.get(&format!("azud_node_{family}_rows_total"), &[("node", node)])
    };
    let all = Some(rows as f64);
    let records = Some((rows + refused) as f64);
    assert_eq!(of("input", "numbers"), records);
    assert_eq!(of("rejected", "numbers"), Some(refused as f64));
    assert_eq!(of("output", "numbers"), all);
    assert_eq!((of("input", "evil"), of("output", "evil")), (all, all));
    assert_eq!(of("rejected", "evil"), Some(0.0));
    assert_eq!(of("input", "sums"), all);
    assert_eq!(of("output", "sums"), of("input", "counted"));
    // What is committed is the same.
    for (node, rows) in [("numbers", rows + refused), ("evil", rows), ("sums", rows)] {
        let status = pipeline.node(node);
        assert_eq!(status["rows_in"].as_u64(), Some(rows), "{status}");
        assert_eq!(status["under_way"]["rows_in"], 0, "{status}");
    }
    let of = |name: &str, label: (&str, &str)| metrics.get(name, &[label]);
    let swaps = |outcome| of("azud_plugin_swaps_total", ("outcome", outcome));
    assert_eq!(
        (swaps("taken-over"), swaps("taken-back")),
        (Some(1.0), Some(2.0))
    );
    let changes = |outcome| of("azud_manifest_changes_total", ("outcome", outcome));
    assert_eq!(
        (changes("taken-over"), changes("taken-back")),
        (Some(2.0), Some(0.0))
    );
    let rollbacks = metrics.get("azud_rolled_back_epochs_total", &[]).unwrap();
    assert!(rollbacks >= 2.0, "{rollbacks}");
    // What was rolled back was read again.
    let read = of("azud_source_read_records_total", ("node", "numbers"));
    assert!(read >= records, "{read:?}");
    println!("{scraped} scrapes, {rollbacks} rollbacks, {read:?} read of {records:?} records");
    pipeline.drain();
}
