//! Many swaps between two versions while rows flow: a transform, a plugin with state, an aggregate,
//! and a sink.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::all;
use crate::bad::{MANIFEST, with_state};
use crate::components::{built, good, renamed};
use crate::pipeline::{Folder, Pipeline};
use crate::rows::{assert_exact, by_epoch, versions};

/// How many, of a kind.
fn swaps() -> u32 {
    if all() { 100 } else { 6 }
}

/// Swaps between two versions, as often as it takes; answers how long each took.
fn swap(pipeline: &Pipeline<'_>, node: &str, version: impl Fn(u32) -> Vec<u8>) {
    pipeline.wait_for("running swap");
    let mut took: Vec<Duration> = Vec::new();
    let (mut memory, mut instances, mut pauses) = (Vec::new(), Vec::new(), Vec::new());
    for number in 2..2 + swaps() {
        let asked = pipeline.reload(node, &version(number));
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        took.push(asked.took);
        let pause = asked.text.split("the swap for ").nth(1).unwrap();
        let pause = pause.split(' ').next().unwrap().parse().unwrap();
        pauses.push(Duration::from_micros(pause));
        memory.push(pipeline.memory());
        instances.push(pipeline.instances());
    }
    took.sort();
    pauses.sort();
    let p99 = |of: &[Duration]| of[(of.len() * 99).div_ceil(100) - 1];
    println!(
        "{node}: {} swaps, each {:?} in the median, {:?} at most of 99 in 100; lanes busy {:?}, \
         {:?}; memory {} MiB, after a tenth {} MiB, then {} MiB; instances {:?}",
        took.len(),
        took[took.len() / 2],
        p99(&took),
        pauses[pauses.len() / 2],
        p99(&pauses),
        memory[0] >> 20,
        memory[memory.len().div_ceil(10)] >> 20,
        memory.last().unwrap() >> 20,
        instances
    );
    // After a while as at first: what was replaced is gone. The first swaps bring in code that
    // nothing else runs.
    let tenth = memory.len().div_ceil(10);
    let most = if all() { 4 << 20 } else { 16 << 20 };
    assert!(
        memory.last().unwrap() < &(memory[tenth] + most),
        "{memory:?}"
    );
    let most = instances.iter().max().unwrap();
    assert!(most <= &(2 * instances[0].max(2)), "{instances:?}");
}

#[test]
fn of_a_transform() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    // Else the second version could have all of them.
    pipeline.wait_for_rows();
    // The digest of a version is its own, so that none runs already.
    swap(&pipeline, "evil", good);
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    let all: Vec<String> = (1..2 + swaps())
        .map(|number| format!("v{number}"))
        .collect();
    assert_eq!(versions(&epochs), all);
}

/// How often each digit came, and the last sum of each key.
fn tally(epochs: &BTreeMap<u64, Vec<Value>>) -> (BTreeMap<u64, u64>, BTreeMap<u64, u64>) {
    let (mut digits, mut sums) = (BTreeMap::new(), BTreeMap::new());
    for row in epochs.values().flatten() {
        let n = row["n"].as_u64().unwrap();
        match n.checked_sub(1_000) {
            None => *digits.entry(n).or_default() += 1,
            Some(key) => {
                sums.insert(key, row["said"].as_str().unwrap().parse().unwrap());
            }
        }
    }
    (digits, sums)
}

/// The sum of a digit's rows goes to the key that is its half.
#[test]
fn of_a_plugin_with_state() {
    let folder = Folder::new(&with_state());
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    swap(&pipeline, "evil", good);
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    let (digits, sums) = tally(&epochs);
    let expected: BTreeMap<u64, u64> = digits.iter().map(|(n, count)| (*n, n * count)).collect();
    assert_eq!(sums, expected);
    assert_eq!(digits.len(), 10);
    let rows = |rows: &Vec<Value>| {
        let rows = rows.iter().filter(|row| row["n"].as_u64() < Some(1_000));
        rows.cloned().collect()
    };
    let said = epochs
        .iter()
        .map(|(epoch, all)| (*epoch, rows(all)))
        .collect();
    let all: Vec<String> = (1..2 + swaps())
        .map(|number| format!("v{number}"))
        .collect();
    assert_eq!(versions(&said), all);
}

#[test]
fn of_an_aggregate() {
    let manifest = MANIFEST.replace(
        "evil: { from: numbers, plugin: evil }",
        "evil: { sql: 'SELECT n, evil(n) AS total, count(*) AS rows FROM numbers GROUP BY n' }",
    );
    let manifest = manifest.replace(
        "file: { path: ./out }, format: json }",
        "file: { path: ./out, layout: batches }, format: json, mode: update }",
    );
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    swap(&pipeline, "evil", good);
    pipeline.drain();
    let mut last = BTreeMap::new();
    for row in updates(folder.0.path()) {
        let number = |name: &str| row[name].as_u64().unwrap();
        last.insert(number("n"), (number("rows"), number("total")));
    }
    assert_eq!(last.len(), 10);
    for (n, (rows, total)) in last {
        assert_eq!(total, n * rows, "of {n}");
    }
}

/// The rows of all epochs, oldest first: folders that are named by time.
fn updates(folder: &Path) -> Vec<Value> {
    let starts = |path: &PathBuf, with: &str| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(with)
    };
    let list = |folder: &Path, with: &str| {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| starts(path, with)).collect();
        paths.sort();
        paths
    };
    let epochs = list(folder, "out-");
    let files = epochs.iter().flat_map(|epoch| list(epoch, "part-"));
    let texts: Vec<String> = files
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn of_a_sink() {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let port = server.server_addr().to_ip().unwrap().port();
    let serves = {
        let server = server.clone();
        thread::spawn(move || {
            let mut rows: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
            for (number, mut request) in (0..).zip(server.incoming_requests()) {
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).unwrap();
                let lines: Vec<Value> = match serde_json::from_str(&body) {
                    Ok(Value::Array(rows)) => rows,
                    _ => body
                        .lines()
                        .map(|line| serde_json::from_str(line).unwrap())
                        .collect(),
                };
                rows.insert(number, lines);
                request.respond(tiny_http::Response::empty(204)).unwrap();
            }
            rows
        })
    };
    let manifest = MANIFEST.replace(
        "  evil: { from: numbers, plugin: evil }\n",
        "  same: { sql: 'SELECT * FROM numbers' }\n",
    );
    let manifest = manifest.replace(
        "  out: { from: evil, file: { path: ./out }, format: json }",
        &format!(
            "  out: {{ from: same, plugin: evil, config: {{ url: 'http://127.0.0.1:{port}/' }} }}"
        ),
    );
    let manifest = manifest.replace(
        "limits: { deadline: 1s, memory: 16MiB }",
        &format!("grants: {{ http: ['127.0.0.1:{port}'] }}"),
    );
    let component = built("plugins/http-post");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &renamed(&component, "v1"));
    let pipeline = folder.run(&[], &[]);
    swap(&pipeline, "out", |number| {
        renamed(&component, &format!("v{number}"))
    });
    pipeline.drain();
    server.unblock();
    let rows = serves.join().unwrap();
    assert!(assert_exact(&rows) > 100);
}
