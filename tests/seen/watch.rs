//! How `azud status --watch` ends: as the pipeline that it watches does, as far as that is known.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::components::{bad, good};
use crate::pipeline::{Folder, Pipeline};
use crate::ready::RUNS;

/// `azud status --watch`, which has shown the pipeline once.
fn watch(pipeline: &Pipeline<'_>) -> Child {
    let mut watch = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["status", "--watch", "--json", "--at", &pipeline.address()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(watch.stdout.take().unwrap());
    let mut line = String::new();
    shown.read_line(&mut line).unwrap();
    assert!(line.starts_with(r#"{"name":"#), "{line}");
    std::thread::spawn(move || shown.read_to_end(&mut Vec::new()));
    watch
}

/// Its exit code, and what it tells.
fn ended(mut watch: Child) -> (Option<i32>, String) {
    let mut told = String::new();
    let mut stderr = watch.stderr.take().unwrap();
    stderr.read_to_string(&mut told).unwrap();
    (watch.wait().unwrap().code(), told)
}

#[test]
fn a_pipeline_that_drains_ends_it_well() {
    let folder = Folder::new(RUNS);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running runs");
    let watch = watch(&pipeline);
    pipeline.drain();
    assert_eq!(ended(watch), (Some(0), String::new()));
}

#[test]
fn a_pipeline_that_is_killed_ends_it_with_an_error() {
    let folder = Folder::new(RUNS);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    pipeline.wait_for("running runs");
    let watch = watch(&pipeline);
    // SIGKILL.
    drop(pipeline);
    let (code, told) = ended(watch);
    assert_eq!(code, Some(1), "{told}");
    let begins = format!("error: the pipeline at {address} has gone without a word: ");
    assert!(told.starts_with(&begins), "{told}");
}

#[test]
fn a_pipeline_that_fails_ends_it_with_its_reason() {
    let manifest = RUNS.replace(
        "    generator:\n      rows_per_second: 4000\n      columns:\n        n: { type: bigint, sequence: true, max: 9 }\n",
        "    file: { path: ./in, settle: 0ms, poll: 50ms }\n    format: json\n    schema: { n: bigint }\n",
    );
    assert!(manifest.contains("poll: 50ms"), "{manifest}");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &bad("process", "fails"));
    fs::create_dir(folder.path("in")).unwrap();
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running runs");
    let watch = watch(&pipeline);
    folder.write("in/a.json", b"{\"n\":7}\n");
    pipeline.ended(Some(1));
    let (code, told) = ended(watch);
    assert_eq!(code, Some(1), "{told}");
    let begins = "error: the pipeline `runs` has failed: node `evil` rejected a row";
    assert!(told.starts_with(begins), "{told}");
    assert!(told.contains("bad luck"), "{told}");
}

/// However many wait for the end, others are answered.
#[test]
fn those_who_wait_take_no_places_of_others() {
    let folder = Folder::new(RUNS);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running runs");
    let asks = |_| {
        let address = pipeline.address();
        let mut stream = TcpStream::connect(&address).unwrap();
        let close = "connection: close\r\n\r\n";
        write!(stream, "GET /end HTTP/1.1\r\nhost: {address}\r\n{close}").unwrap();
        stream
    };
    let waiting: Vec<TcpStream> = (0..16).map(asks).collect();
    // Those are accepted before it, and one of them may be heard after it.
    let refused = (0..).map(asks).take(32).find_map(|mut stream| {
        stream
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 429").then_some(answer)
    });
    let refused = refused.unwrap();
    assert!(refused.contains("too many wait for the end"), "{refused}");
    assert_eq!(pipeline.azud(&["status"]).code, Some(0));
    pipeline.drain();
    let (mut ended, mut last) = (0, String::new());
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let says = r#"{"name":"runs","ended":true,"failed":null}"#;
        ended += u32::from(answer.ends_with(says));
        last = answer;
    }
    // Of all who asked sixteen waited.
    assert!(ended >= 8, "{ended}: {last}");
}
