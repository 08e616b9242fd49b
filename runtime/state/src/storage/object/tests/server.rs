//! As much of S3 as a checkpoint needs, on a socket; it fails when it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is answered with a status and a code of S3, and nothing is done.
    Status(u16, &'static str),
    /// The connection ends before anything is done.
    CutBefore,
    /// It is done, and the connection ends before the answer.
    CutAfter,
    /// It is done, and the connection ends in the middle of the answer.
    CutInAnswer,
    /// It is done after so many milliseconds, when nobody may wait any more.
    Hang(u64),
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    /// Which request of a method, from now on, fails how; `*` is any method.
    faults: Vec<(&'static str, usize, Fault)>,
    requests: usize,
    version: u64,
}

pub(super) struct Server {
    state: Arc<Mutex<State>>,
    port: u16,
}

struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { state, port }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The `nth` request from now on, from 1, of a method (`POST` removes) or `*` fails.
    pub(super) fn fail(&self, method: &'static str, nth: usize, fault: Fault) {
        self.state.lock().unwrap().faults.push((method, nth, fault));
    }

    /// No request fails any more; answers whether one still would have.
    pub(super) fn calm(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        !std::mem::take(&mut state.faults).is_empty()
    }

    /// How many requests came.
    pub(super) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub(super) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let objects = state.objects.iter();
        objects
            .map(|(key, (bytes, _))| (key.clone(), bytes.clone()))
            .collect()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let request = read(&mut reader)?;
        let fault = state.lock().unwrap().fault(&request.method);
        let done = |fault| match fault {
            Some(Fault::Status(status, code)) => (
                status,
                String::new(),
                format!("<Error><Code>{code}</Code></Error>").into_bytes(),
            ),
            _ => state.lock().unwrap().answer(&request),
        };
        match fault {
            Some(Fault::CutBefore) => return None,
            Some(Fault::Hang(ms)) => std::thread::sleep(Duration::from_millis(ms)),
            _ => {}
        }
        let (status, headers, body) = done(fault);
        if fault == Some(Fault::CutAfter) {
            return None;
        }
        let mut answer = format!(
            "HTTP/1.1 {status} {}\r\nContent-Length: {}\r\n{headers}\r\n",
            reason(status),
            body.len()
        )
        .into_bytes();
        if request.method != "HEAD" {
            answer.extend(body);
        }
        if fault == Some(Fault::CutInAnswer) {
            answer.truncate(answer.len().saturating_sub(3));
            stream.write_all(&answer).ok()?;
            return None;
        }
        stream.write_all(&answer).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        headers,
        body,
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        404 => "Not Found",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "As Told",
    }
}

impl State {
    fn fault(&mut self, method: &str) -> Option<Fault> {
        self.requests += 1;
        let mut found = None;
        for (of, left, fault) in &mut self.faults {
            if *of == "*" || *of == method {
                *left -= 1;
                if *left == 0 {
                    found = Some(*fault);
                }
            }
        }
        self.faults.retain(|(_, left, _)| *left > 0);
        found
    }

    fn answer(&mut self, request: &Request) -> (u16, String, Vec<u8>) {
        assert!(
            request.headers.contains_key("authorization"),
            "it is not signed"
        );
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let path = decoded(path.trim_start_matches('/'));
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let refused = |status, code| {
            (
                status,
                String::new(),
                format!("<Error><Code>{code}</Code></Error>").into_bytes(),
            )
        };
        if bucket != "bucket" {
            return refused(404, "NoSuchBucket");
        }
        match request.method.as_str() {
            "GET" if key.is_empty() => (200, String::new(), self.list(query).into_bytes()),
            "GET" => match self.objects.get(key) {
                Some((bytes, version)) => (200, meta(*version), bytes.clone()),
                None => refused(404, "NoSuchKey"),
            },
            "PUT" => {
                let there = self
                    .objects
                    .get(key)
                    .map(|(_, version)| format!("\"{version}\""));
                if request.headers.contains_key("if-none-match") && there.is_some() {
                    return refused(412, "PreconditionFailed");
                }
                match request.headers.get("if-match") {
                    Some(_) if there.is_none() => return refused(404, "NoSuchKey"),
                    Some(tag) if there.as_ref() != Some(tag) => {
                        return refused(412, "PreconditionFailed");
                    }
                    _ => {}
                }
                self.version += 1;
                self.objects
                    .insert(key.to_owned(), (request.body.clone(), self.version));
                (200, meta(self.version), Vec::new())
            }
            "POST" if query.starts_with("delete") => {
                let text = String::from_utf8(request.body.clone()).unwrap();
                let mut answer = "<DeleteResult>".to_owned();
                for part in text.split("<Key>").skip(1) {
                    let key = part.split("</Key>").next().unwrap();
                    self.objects.remove(key);
                    answer += &format!("<Deleted><Key>{key}</Key></Deleted>");
                }
                (
                    200,
                    String::new(),
                    (answer + "</DeleteResult>").into_bytes(),
                )
            }
            other => panic!("{other} {}", request.target),
        }
    }

    fn list(&self, query: &str) -> String {
        let options: BTreeMap<_, _> = query
            .split('&')
            .filter_map(|one| one.split_once('='))
            .collect();
        assert_eq!(options["delimiter"], "%2F");
        let prefix = decoded(options["prefix"]);
        let mut answer = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
        for (key, (bytes, version)) in &self.objects {
            let Some(rest) = key.strip_prefix(&prefix) else {
                continue;
            };
            answer += &match rest.split_once('/') {
                Some((folder, _)) => {
                    format!("<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>")
                }
                None => format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"{version}\"</ETag>\
                     <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
                    bytes.len()
                ),
            };
        }
        answer + "</ListBucketResult>"
    }
}

fn meta(version: u64) -> String {
    format!("ETag: \"{version}\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n")
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        decoded.push(u8::from_str_radix(digits, 16).unwrap().into());
        decoded += rest;
    }
    decoded
}
