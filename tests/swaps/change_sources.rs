//! `azud apply`, and what becomes of connections: those of sources that are the same stay open.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::change::apply;
use crate::pipeline::Folder;
use crate::rows::{by_epoch, versions};

/// A server that sends numbered lines to one client after the other, as `nc -lk` does.
struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
    /// Whether it sends; the number of the next line.
    sends: Arc<AtomicBool>,
    next: Arc<Mutex<u64>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            accepted: Arc::default(),
            sends: Arc::new(AtomicBool::new(true)),
            next: Arc::default(),
        };
        let (accepted, sends) = (server.accepted.clone(), server.sends.clone());
        let next = server.next.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                accepted.fetch_add(1, Ordering::Relaxed);
                let mut stream = stream.unwrap();
                loop {
                    thread::sleep(Duration::from_millis(1));
                    let mut next = next.lock().unwrap();
                    if !sends.load(Ordering::Relaxed) {
                        continue;
                    }
                    if writeln!(stream, "{{\"id\":{next}}}").is_err() {
                        break;
                    }
                    *next += 1;
                }
            }
        });
        server
    }

    fn manifest(&self, durability: &str) -> String {
        let port = self.port;
        format!(
            "
name: change
trigger: continuous
parallelism: 2
checkpoint: {{ to: ./state, every: 100ms }}
sources:
  lines: {{ socket: {{ connect: '127.0.0.1:{port}' }}, format: json, schema: {{ id: bigint }}{durability} }}
transforms:
  said: {{ sql: \"SELECT id, 'v1' AS said FROM lines\" }}
sinks:
  out: {{ from: said, file: {{ path: ./out }}, format: json }}
"
        )
    }

    /// Sends nothing more; how many lines it has sent.
    fn stop(&self) -> u64 {
        let next = self.next.lock().unwrap();
        self.sends.store(false, Ordering::Relaxed);
        *next
    }
}

/// Each line is there once.
#[track_caller]
fn assert_all(folder: &Folder, sent: u64) {
    let epochs = by_epoch(&folder.path("out"));
    let rows = epochs.values().flatten();
    let ids: Vec<u64> = rows.map(|row| row["id"].as_u64().unwrap()).collect();
    let sorted: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(sorted.len(), ids.len(), "doubled");
    assert_eq!(sorted, (0..sent).collect());
}

/// A folder that is another run's: that is found out when it is opened.
const OTHER: &str = "
name: other
trigger: once
checkpoint: { to: ./others }
sources:
  rows: { generator: { rows: 1, columns: { id: bigint } } }
sinks:
  out: { from: rows, file: { path: ./other }, format: json }
";

#[test]
fn connections_stay_open() {
    for durability in ["", ", durability: memory"] {
        let server = Server::start();
        let manifest = server.manifest(durability);
        let folder = Folder::new(&manifest);
        folder.write("other.yaml", OTHER.as_bytes());
        let mut other = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
        let other = other.arg("run").arg(folder.path("other.yaml")).output();
        assert!(other.unwrap().status.success());
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for_rows();
        for number in 2..6 {
            let changed = manifest.replace("'v1'", &format!("'v{number}'"));
            let asked = apply(&pipeline, &folder, &changed, &[]);
            assert_eq!(asked.code, Some(0), "{}", asked.text);
            // One that is taken back before anything was read costs nothing either.
            let bad = changed.replace("./out", "./other");
            let asked = apply(&pipeline, &folder, &bad, &[]);
            assert_eq!(asked.code, Some(1), "{}", asked.text);
        }
        let sent = server.stop();
        thread::sleep(Duration::from_millis(500));
        let told = pipeline.drain();
        assert_eq!(server.accepted.load(Ordering::Relaxed), 1, "{told:#?}");
        assert_all(&folder, sent);
        let epochs = by_epoch(&folder.path("out"));
        assert_eq!(versions(&epochs), ["v1", "v2", "v3", "v4", "v5"]);
    }
}

/// An epoch without rows is none, and one follows all the same.
#[test]
fn where_nothing_comes() {
    for trigger in ["continuous", "1s"] {
        let server = Server::start();
        let manifest = server.manifest("").replace("continuous", trigger);
        let manifest = match trigger {
            "1s" => manifest.replace(", every: 100ms", ""),
            _ => manifest,
        };
        let folder = Folder::new(&manifest);
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for_rows();
        server.stop();
        thread::sleep(Duration::from_millis(1500));
        for number in 2..5 {
            let changed = manifest.replace("'v1'", &format!("'v{number}'"));
            let asked = apply(&pipeline, &folder, &changed, &[]);
            assert_eq!(asked.code, Some(0), "{}", asked.text);
        }
        server.sends.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1500));
        let sent = server.stop();
        thread::sleep(Duration::from_millis(1500));
        pipeline.drain();
        assert_all(&folder, sent);
        assert_eq!(versions(&by_epoch(&folder.path("out"))), ["v1", "v4"]);
    }
}

#[test]
fn sources_come_and_go() {
    let server = Server::start();
    let other = Server::start();
    let manifest = server.manifest("");
    let folder = Folder::new(&manifest);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let line = |name: &str, of: &Server, durability: &str| {
        let port = of.port;
        format!(
            "  {name}: {{ socket: {{ connect: '127.0.0.1:{port}' }}, format: json, schema: {{ id: bigint }}{durability} }}\n"
        )
    };
    let with = |more: &str| manifest.replace("transforms:", &format!("{more}transforms:"));
    let sink = |name: &str| {
        format!("  {name}_out: {{ from: {name}, file: {{ path: ./{name} }}, format: json }}\n")
    };
    // What nobody keeps may go at any time.
    let added = with(&line("more", &other, ", durability: memory")) + &sink("more");
    for manifest in [&added, &manifest] {
        let asked = apply(&pipeline, &folder, manifest, &[]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        pipeline.wait_for_an_epoch();
    }
    // What a journal has is not given up while others run.
    let added = with(&line("kept", &other, "")) + &sink("kept");
    let asked = apply(&pipeline, &folder, &added, &[]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.wait_for_an_epoch();
    for gone in [
        &manifest,
        &added.replace(
            &line("kept", &other, ""),
            &line("kept", &other, ", durability: memory"),
        ),
    ] {
        for more in [&[][..], &["--allow-reset", "kept"]] {
            let asked = apply(&pipeline, &folder, gone, more);
            assert_eq!(asked.code, Some(2), "{}", asked.text);
            assert!(
                asked.text.contains("start it with the manifest"),
                "{}",
                asked.text
            );
        }
    }
    let sent = server.stop();
    thread::sleep(Duration::from_millis(500));
    pipeline.drain();
    assert_all(&folder, sent);
}
