//! Batches against a server that is a script.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use azud_plugin::{
    Flushed, Int64, Outcome, Partial, Time,
    testing::{OpenSink, Table, open_sink},
};

use super::{
    HttpPost,
    poster::Poster,
    transport::{Failure, Request, Response, Transport},
};

/// What the server will answer, and what it was sent.
#[derive(Default)]
struct Script {
    answers: VecDeque<Result<Response, Failure>>,
    /// Keys, without the nonce, and bodies.
    sent: Vec<(String, String)>,
    timeout: Duration,
    /// How long each request takes.
    takes: Duration,
    now: Duration,
}

#[derive(Clone, Default)]
struct Server(Rc<RefCell<Script>>);

// === impl Server ===

impl Transport for Server {
    fn post(&mut self, request: &Request<'_>) -> Result<Response, Failure> {
        assert_eq!(request.endpoint.server, "127.0.0.1:8080");
        assert_eq!(request.headers[0].0, "content-type");
        let (nonce, key) = request.key.split_once('-').unwrap();
        assert_eq!(nonce, "0000000000000000000000000000002a");
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let mut script = self.0.borrow_mut();
        script.timeout = request.timeout;
        let takes = script.takes;
        script.now += takes;
        script.sent.push((key.to_owned(), body));
        script.answers.pop_front().expect("one more request")
    }

    fn random(&mut self) -> u128 {
        42
    }

    fn now(&mut self) -> Duration {
        self.0.borrow().now
    }
}

impl Server {
    fn answers(&self, answers: impl IntoIterator<Item = Result<Response, Failure>>) {
        self.0.borrow_mut().answers.extend(answers);
    }

    /// What was sent since the last call: keys and bodies, their lines side by side.
    fn sent(&self) -> Vec<String> {
        let mut script = self.0.borrow_mut();
        assert_eq!(script.answers.len(), 0, "fewer requests than answers");
        let sent = std::mem::take(&mut script.sent);
        sent.iter()
            .map(|(key, body)| {
                let lines: Vec<_> = body
                    .lines()
                    .map(|line| line.replace("{\"n\":", "").replace('}', ""))
                    .collect();
                assert!(body.ends_with('\n'));
                format!("{key}: {}", lines.join(" "))
            })
            .collect()
    }
}

fn status(status: u16) -> Result<Response, Failure> {
    said(status, "")
}

fn said(status: u16, body: &str) -> Result<Response, Failure> {
    Ok(Response {
        status,
        body: body.into(),
        ..Response::default()
    })
}

fn rows(rows: impl IntoIterator<Item = i64>) -> Table {
    Table::new().column("n", Int64, rows)
}

/// Bodies of at most two lines of numbers with one digit.
fn two_lines() -> (OpenSink<HttpPost>, Server) {
    let config = r#"{ "url": "http://127.0.0.1:8080/", "max_bytes": 16 }"#;
    let mut sink = open_sink::<HttpPost>(config, &rows([])).unwrap();
    let server = Server::default();
    sink.sink_mut().transport = Box::new(server.clone());
    (sink, server)
}

fn partial(rejected: &[(usize, &str)], retry: &[usize], millis: u64) -> Outcome {
    Outcome::Partial(Partial {
        rejected: rejected
            .iter()
            .map(|(row, reason)| (*row, (*reason).to_owned()))
            .collect(),
        retry: retry.to_vec(),
        after: Duration::from_millis(millis),
    })
}

fn retry_after(millis: u64, reason: &str) -> Outcome {
    Outcome::retry_after(Duration::from_millis(millis), reason)
}

#[test]
fn a_batch_is_sent_in_bodies_that_fit() {
    let (mut sink, server) = two_lines();
    server.answers([status(200), status(204), status(202)]);
    assert_eq!(sink.write(&rows(1..=5)).unwrap(), Outcome::Accepted);
    assert_eq!(server.sent(), ["1: 1 2", "2: 3 4", "3: 5"]);
    assert_eq!(sink.write(&rows([])).unwrap(), Outcome::Accepted);
    assert_eq!(server.sent(), [""; 0]);
    assert_eq!(sink.flush().unwrap(), Flushed::Done);
    assert_eq!(server.0.borrow().timeout, Duration::from_secs(10));
}

#[test]
fn the_same_rows_have_the_same_key_and_longer_waits() {
    let (mut sink, server) = two_lines();
    server.answers([status(503), said(429, "slow down")]);
    assert_eq!(
        sink.write(&rows([1, 2])).unwrap(),
        retry_after(100, "127.0.0.1:8080 answered 503")
    );
    assert_eq!(
        sink.write(&rows([1, 2])).unwrap(),
        retry_after(200, "127.0.0.1:8080 answered 429: slow down")
    );
    server.answers([status(200), status(200)]);
    sink.write(&rows([1, 2])).unwrap();
    // The same rows, and yet other ones: the first were accepted.
    sink.write(&rows([1, 2])).unwrap();
    assert_eq!(server.sent(), ["1: 1 2", "1: 1 2", "1: 1 2", "2: 1 2"]);
    server.answers([status(500)]);
    let outcome = sink.write(&rows([1])).unwrap();
    assert_eq!(outcome, retry_after(100, "127.0.0.1:8080 answered 500"));
}

#[test]
fn other_rows_have_another_key() {
    let (mut sink, server) = two_lines();
    server.answers([status(503), status(503), status(200)]);
    sink.write(&rows([1])).unwrap();
    sink.write(&rows([2])).unwrap();
    sink.write(&rows([1])).unwrap();
    assert_eq!(server.sent(), ["1: 1", "2: 2", "3: 1"]);
}

#[test]
fn what_was_accepted_is_not_sent_again() {
    let (mut sink, server) = two_lines();
    let table = rows(1..=5);
    server.answers([
        status(200),
        Err(Failure::Later("refuses the connection".into())),
    ]);
    assert_eq!(sink.write(&table).unwrap(), partial(&[], &[2, 3, 4], 100));
    assert_eq!(server.sent(), ["1: 1 2", "2: 3 4"]);
    server.answers([status(200), status(200)]);
    assert_eq!(
        sink.write(&table.pick(&[2, 3, 4])).unwrap(),
        Outcome::Accepted
    );
    assert_eq!(server.sent(), ["2: 3 4", "3: 5"]);
}

#[test]
fn a_batch_that_takes_long_is_sent_in_several_calls() {
    let (mut sink, server) = two_lines();
    let table = rows(1..=7);
    server.0.borrow_mut().takes = Duration::from_secs(6);
    server.answers([status(200), status(200)]);
    assert_eq!(sink.write(&table).unwrap(), partial(&[], &[4, 5, 6], 0));
    server.answers([status(200), status(200)]);
    assert_eq!(
        sink.write(&table.pick(&[4, 5, 6])).unwrap(),
        Outcome::Accepted
    );
    assert_eq!(server.sent(), ["1: 1 2", "2: 3 4", "3: 5 6", "4: 7"]);
}

#[test]
fn what_fails_for_good_fails_alone() {
    let (mut sink, server) = two_lines();
    let table = rows(1..=4);
    server.answers([status(200), said(400, "bad row"), said(400, "bad row")]);
    assert_eq!(sink.write(&table).unwrap(), partial(&[], &[2, 3], 0));
    let failed = sink.write(&table.pick(&[2, 3])).unwrap_err();
    assert_eq!(failed.to_string(), "127.0.0.1:8080 answered 400: bad row");
    assert_eq!(server.sent(), ["1: 1 2", "2: 3 4", "2: 3 4"]);
    // Once it has failed, the same rows are others.
    server.answers([status(200)]);
    sink.write(&table.pick(&[2, 3])).unwrap();
    assert_eq!(server.sent(), ["3: 3 4"]);
}

#[test]
fn the_server_may_take_some_rows_only() {
    let (mut sink, server) = two_lines();
    let table = rows(1..=7);
    server.answers([
        said(207, r#"{"rejected":[{"row":1,"reason":"odd"}]}"#),
        said(
            207,
            r#"{"retry":[1],"rejected":[{"row":0}],"after_ms":250}"#,
        ),
    ]);
    assert_eq!(
        sink.write(&table).unwrap(),
        partial(
            &[(1, "odd"), (2, "rejected by the server")],
            &[3, 4, 5, 6],
            250
        )
    );
    assert_eq!(server.sent(), ["1: 1 2", "2: 3 4"]);
    // The server settled the second request: its row comes with a new key.
    server.answers([status(200), status(200)]);
    sink.write(&table.pick(&[3, 4, 5, 6])).unwrap();
    assert_eq!(server.sent(), ["3: 4 5", "4: 6 7"]);
}

#[test]
fn a_server_that_takes_nothing_with_a_207_is_left_in_peace_for_longer() {
    let (mut sink, server) = two_lines();
    for millis in [100, 200] {
        server.answers([said(207, r#"{"retry":[1,0]}"#)]);
        assert_eq!(
            sink.write(&rows([1, 2])).unwrap(),
            retry_after(millis, "127.0.0.1:8080 answered 207: 2 of 2 rows again")
        );
    }
}

#[test]
fn a_207_that_makes_no_sense_fails() {
    let (mut sink, server) = two_lines();
    server.answers([said(207, r#"{"retry":[2]}"#)]);
    assert_eq!(
        sink.write(&rows([1, 2, 3])).unwrap_err().to_string(),
        "127.0.0.1:8080 answered 207, but it lists row 2 of a request of 2 rows"
    );
}

#[test]
fn a_row_that_never_fits_is_rejected() {
    let (mut sink, server) = two_lines();
    server.answers([status(200)]);
    assert_eq!(
        sink.write(&rows([1, 1_000_000_000_000, 2])).unwrap(),
        partial(
            &[(1, "the row has 20 bytes as JSON, more than `max_bytes`: 16")],
            &[],
            0
        )
    );
    server.answers([status(503)]);
    assert_eq!(
        sink.write(&rows([1, 1_000_000_000_000, 2])).unwrap(),
        partial(
            &[(1, "the row has 20 bytes as JSON, more than `max_bytes`: 16")],
            &[0, 2],
            100
        )
    );
    server.answers([status(200)]);
    sink.write(&rows([1, 2])).unwrap();
    assert_eq!(server.sent(), ["1: 1 2", "2: 1 2", "2: 1 2"]);
}

#[test]
fn a_grant_that_is_missing_is_named() {
    let (mut sink, server) = two_lines();
    server.answers([Err(Failure::Denied)]);
    assert_eq!(
        sink.write(&rows([1])).unwrap_err().to_string(),
        "127.0.0.1:8080 is not granted: add `grants: { http: [\"127.0.0.1:8080\"] }` to the plugin in the manifest"
    );
}

#[test]
fn secrets_are_in_no_reason() {
    let (mut sink, server) = two_lines();
    let config = r#"{ "url": "http://127.0.0.1:8080/", "bearer": "TOKEN" }"#;
    let secret = |name: &str| (name == "TOKEN").then(|| "t0ps3cret".to_owned());
    sink.sink_mut().poster = Poster::new(serde_json::from_str(config).unwrap(), secret).unwrap();
    server.answers([
        said(503, "Bearer t0ps3cret?"),
        said(
            207,
            r#"{"rejected":[{"row":0,"reason":"no t0ps3cret"}],"retry":[1]}"#,
        ),
        Err(Failure::Later("said t0ps3cret".into())),
        said(401, "t0ps3cret is no token"),
    ]);
    let mut said = String::new();
    for _ in 0..4 {
        said += &format!("{:?}\n", sink.write(&rows([1, 2])));
    }
    assert_eq!(said.matches("***").count(), 4, "{said}");
    assert!(!said.contains("t0ps3cret"), "{said}");
}

#[test]
fn what_cannot_be_sent_is_refused_when_it_opens() {
    let refused = |config: &str, input: &Table| {
        let refused = open_sink::<HttpPost>(config, input);
        refused.err().unwrap().to_string()
    };
    assert_eq!(refused("{}", &rows([])), "config: missing field `url`");
    assert_eq!(
        refused(r#"{ "url": "http://x/", "max_bytes": 0 }"#, &rows([])),
        "`max_bytes` is 0: no row fits"
    );
    assert_eq!(
        refused(
            r#"{ "url": "http://x/" }"#,
            &Table::new().column("t", Time, [0])
        ),
        "column `t` cannot be written as JSON: JSON has no form for a time, cast it in SQL before this step"
    );
}
