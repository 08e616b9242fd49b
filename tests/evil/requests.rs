//! HTTP: to whom, how many at once, how much the host keeps of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::network::{server, watched};
use crate::support::Case;

const HANDLES: &str =
    "the plugin holds more than 256 handles at once: files, connections, requests, timers";
const DENIED: &str = "ErrorCode::HttpRequestDenied";

fn case(how: &str, to: &str, granted: &str) -> Case {
    let grants = match granted {
        "" => "http: [], tcp: []".to_owned(),
        granted => format!("http: ['{granted}'], tcp: []"),
    };
    Case::sink("write", how).to(to).grants(grants)
}

fn saw(case: Case) -> String {
    let ended = case.run();
    ended.assert_code(0);
    let saw = ended.saw();
    assert!(!saw.is_empty(), "{}", ended.stderr);
    saw[0].to_owned()
}

/// Reads a request, and answers.
fn answering(answer: &'static str) -> String {
    server(move |mut connection| {
        let _ = connection.read(&mut [0; 4_096]);
        let _ = connection.write_all(answer.as_bytes());
    })
}

#[test]
fn nobody_is_reached_who_was_not_granted() {
    let (address, comes) = watched();
    assert_eq!(saw(case("http-plain", &address, "")), DENIED);
    let other = answering("");
    assert_eq!(saw(case("http-plain", &address, &other)), DENIED);
    assert!(comes.try_recv().is_err(), "somebody came");
}

#[test]
fn a_grant_is_for_one_server_and_one_port() {
    let address = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(saw(case("http-plain", &address, &address)), "REACHED");
    // The same address, written otherwise.
    assert_eq!(saw(case("http-mapped", &address, &address)), "REACHED");
    let refused = saw(case("http-spellings", &address, &address));
    let all: Vec<_> = refused.split(' ').collect();
    assert!(all.iter().all(|one| *one != "REACHED"), "{refused}");
}

#[test]
fn the_host_of_a_request_is_the_hosts_word() {
    let (address, _comes) = watched();
    let seen = saw(case("http-host-header", &address, &address));
    assert!(!seen.contains("Ok("), "{seen}");
}

#[test]
fn a_redirect_leads_nowhere_else() {
    let (other, comes) = watched();
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\r\n");
    let address = answering(answer.leak());
    let seen = saw(case("http-redirect", &address, &address));
    assert_eq!(seen, format!("302 {DENIED}"));
    assert!(comes.try_recv().is_err(), "somebody came");
}

#[test]
fn what_is_kept_of_requests_is_small() {
    for how in ["http-many", "http-bodies", "http-headers"] {
        case(how, "localhost:9", "")
            .limits("deadline: 1s")
            .run()
            .assert_all_rejected(HANDLES);
    }
    for how in ["http-methods", "http-authorities"] {
        let seen = saw(case(how, "localhost:9", "").limits("deadline: 1s"));
        assert_eq!(seen, "200 refused", "{how}");
    }
}

/// Many at once, to a server that takes them and says nothing.
#[test]
fn requests_under_way_are_few() {
    let address = server(std::mem::forget::<TcpStream>);
    case("http-many", &address, &address)
        .limits("deadline: 1s")
        .run()
        .assert_all_rejected(HANDLES);
    case("http-bodies", &address, &address)
        .limits("deadline: 1s")
        .run()
        .assert_all_rejected(HANDLES);
}

#[test]
fn a_body_that_never_ends_meets_the_limits() {
    let address = server(|mut connection| {
        std::thread::spawn(move || std::io::copy(&mut connection, &mut std::io::sink()));
    });
    let limits = "deadline: 100ms, timeout: 60ms";
    let ended = case("http-endless-body", &address, &address)
        .limits(limits)
        .run();
    ended.assert_told(1, "(limits: timeout)");
}

#[test]
fn an_answer_that_never_ends_meets_the_limits() {
    let address = server(|mut connection| {
        std::thread::spawn(move || {
            let _ = connection.read(&mut [0; 4_096]);
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while connection.write_all(&[b'x'; 1 << 16]).is_ok() {}
        });
    });
    let ended = case("http-endless-answer", &address, &address).run();
    ended.assert_code(0);
    let reason = &ended.rejected()[0].1;
    assert!(
        reason.contains("(limits: deadline)") || reason.contains("(limits: timeout)"),
        "{reason}"
    );
}

#[test]
fn headers_that_never_end_are_an_error() {
    let address = server(|mut connection| {
        std::thread::spawn(move || {
            let _ = connection.read(&mut [0; 4_096]);
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nx: ");
            while connection.write_all(&[b'x'; 1 << 16]).is_ok() {}
        });
    });
    let seen = saw(case("http-large-headers", &address, &address).limits("deadline: 1s"));
    assert_eq!(seen, "ErrorCode::HttpProtocolError");
}

/// What fails is told to the plugin; the log's rate is for the host's words about it too.
#[test]
fn requests_that_fail_do_not_flood_the_log() {
    let ended = case("http-failures", "127.0.0.1:9", "127.0.0.1:9")
        .limits("deadline: 1s, timeout: 5s")
        .run();
    ended.assert_code(0);
    assert_eq!(ended.saw(), ["done"]);
    let lines = ended.stderr.lines().count();
    assert!(lines < 50, "{lines} lines\n{}", ended.stderr);
}
