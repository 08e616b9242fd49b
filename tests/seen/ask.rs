//! Asks a pipeline's endpoint, and waits for what it is to say.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ChildStdout;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exposition::Exposition;
use crate::pipeline::Pipeline;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What a request is answered with.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn get(address: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        code: head.split_whitespace().nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

// === impl Pipeline ===

impl Pipeline<'_> {
    /// What it prints, where that is piped.
    pub(crate) fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        let answer = get(&self.address(), "/status");
        assert_eq!(answer.code, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A node of the status.
    pub(crate) fn node(&self, name: &str) -> Value {
        until("a node", || {
            let status = self.status();
            let mut nodes = status["nodes"].as_array().unwrap().iter();
            nodes.find(|node| node["name"] == name).cloned()
        })
    }

    pub(crate) fn metrics(&self) -> Exposition {
        let answer = get(&self.address(), "/metrics");
        assert_eq!(answer.code, 200, "{}", answer.body);
        let content = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(answer.head.contains(content), "{}", answer.head);
        Exposition::parse(&answer.body)
    }
}

/// Waits for something that is asked again and again.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
