//! The admin endpoint: who may ask, and what comes of nonsense.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use crate::bad::MANIFEST;
use crate::components::good;
use crate::pipeline::Folder;

/// A request as it is, and the code and body of the answer.
fn ask(address: &str, request: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = request.replace('\n', "\r\n");
    let length = body.len();
    let head = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // Who is refused early need not read it all.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

#[test]
fn only_who_may_is_answered() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    pipeline.wait_for_rows();
    let host = format!("host: {address}");
    let get = |path: &str| ask(&address, &format!("GET {path} HTTP/1.1\n{host}"), b"");
    assert_eq!(get("/health"), (200, r#"{"status":"ok"}"#.to_owned()));
    let (code, status) = get("/status");
    assert_eq!(code, 200);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["name"], "swap");
    assert_eq!(status["plugins"][0]["node"], "evil");
    let digest = azud_sandbox::digest(&good(1));
    assert_eq!(status["plugins"][0]["sha256"], Value::String(digest));
    assert_eq!(get("/nothing").0, 404);
    assert_eq!(get("/nodes/evil/plugin").0, 405);

    let post = |more: &str, body: &[u8]| {
        let request = format!("POST /nodes/evil/plugin HTTP/1.1\n{more}");
        ask(&address, &request, body)
    };
    // What a page in a browser could send: a form, or a name that leads here.
    let (code, _) = post(&format!("{host}\ncontent-type: text/plain"), &good(2));
    assert_eq!(code, 415);
    let wasm = "content-type: application/wasm";
    let (code, _) = post(&format!("host: evil.example\n{wasm}"), &good(2));
    assert_eq!(code, 403);
    let (code, body) = post(&format!("{host}\n{wasm}"), b"");
    assert_eq!(code, 422, "{body}");
    let (code, body) = post(&format!("{host}\n{wasm}"), &good(2));
    assert_eq!(code, 200, "{body}");
    let changed: Value = serde_json::from_str(&body).unwrap();
    assert!(changed["from_epoch"].as_u64().unwrap() > 0);
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["status", "--at", &address])
        .output();
    let shown = String::from_utf8(output.unwrap().stdout).unwrap();
    let digest = azud_sandbox::digest(&good(2));
    for text in [
        "swap, for ",
        "rows in",
        &format!("the component {}", &digest[..12]),
    ] {
        assert!(shown.contains(text), "{shown}");
    }
    pipeline.drain();
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["status", "--at", &address])
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no pipeline answers at"), "{told}");
}

/// The message names what was given, and not the manifest, which pins nothing; what the manifest pins
/// is not the fault of the option.
#[test]
fn a_component_that_is_not_the_one_that_was_asked_for_is_refused() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let (zeros, digest) = ("0".repeat(64), azud_sandbox::digest(&good(2)));
    for how in [
        &["--sha256", &zeros][..],
        &["--sha256", &zeros, "--shadow", "1s"],
    ] {
        let asked = pipeline.reload_with("evil", &good(2), how);
        assert_eq!(asked.code, Some(2), "{}", asked.text);
        let path = folder.path("new.wasm");
        assert_eq!(
            asked.text,
            format!(
                "error: node `evil`: {} has the sha256 {digest}, and --sha256 (`?sha256=` of the \
                 request) says {zeros}: send the component that was meant, or its own sha256\n",
                path.display()
            )
        );
    }
    let asked = pipeline.reload_with("evil", &good(2), &["--sha256", &digest.to_uppercase()]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[("AZUD_ADMIN_TOKEN", "secret")]);
    let address = pipeline.address();
    let get = |path: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\nhost: name.example{more}");
        ask(&address, &request, b"").0
    };
    assert_eq!(get("/health", ""), 200);
    assert_eq!(get("/status", ""), 401);
    assert_eq!(get("/status", "\nauthorization: Bearer secreT"), 401);
    assert_eq!(get("/status", "\nauthorization: Bearer secret"), 200);
    pipeline.wait_for("running swap");
    pipeline.drain();
}

#[test]
fn others_are_not_let_in_without_one() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&["--listen", "0.0.0.0:0"], &[("AZUD_ADMIN_TOKEN", "")]);
    let told = pipeline.ended(Some(2)).join("\n");
    assert!(told.contains("others could reach 0.0.0.0:0"), "{told}");
}

/// Whoever connects and says nothing takes no file that the pipeline needs, and what axum refuses
/// is an answer like any other.
#[test]
fn connections_are_few() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    pipeline.wait_for("running swap");
    let before = pipeline.files();
    let silent: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    pipeline.wait_for_rows();
    assert!(pipeline.files() < before + 80, "{before}");
    drop(silent);
    let host = format!("host: {address}");
    for request in [
        "GET /nodes/%ff/shadow HTTP/1.1",
        "POST /manifest?what=1 HTTP/1.1",
    ] {
        let (code, text) = ask(&address, &format!("{request}\n{host}"), b"");
        assert_eq!(code, 400, "{text}");
        let text: Value = serde_json::from_str(&text).unwrap();
        assert!(text["error"].is_string(), "{text}");
    }
    pipeline.drain();
}

/// Half a request, and a whole one with nothing after it, give their places back.
#[test]
fn connections_that_fall_silent_are_closed() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    pipeline.wait_for("running swap");
    let whole = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let silent = |number: usize| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let said = if number.is_multiple_of(2) {
            "G"
        } else {
            &whole
        };
        stream.write_all(said.as_bytes()).unwrap();
        stream
    };
    // All places that there are.
    let held: Vec<TcpStream> = (0..64).map(silent).collect();
    let asked = pipeline.azud(&["status"]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    println!("a place was free after {:?}", asked.took);
    drop(held);
    pipeline.drain();
}

#[test]
fn a_token_that_no_header_brings_is_refused() {
    for token in [" ", "abc\n", "s\u{e9}cret"] {
        let folder = Folder::new(MANIFEST);
        folder.write("first.wasm", &good(1));
        let pipeline = folder.run(&[], &[("AZUD_ADMIN_TOKEN", token)]);
        let told = pipeline.ended(Some(2));
        assert!(told[0].contains("AZUD_ADMIN_TOKEN has letters"), "{told:?}");
    }
}
