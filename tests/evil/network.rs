//! Sockets and names that were not granted.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::Case;

/// A server, its address, and what comes to it.
pub(crate) fn server(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.unwrap());
        }
    });
    address
}

/// A server that tells of everybody who comes.
pub(crate) fn watched() -> (String, mpsc::Receiver<()>) {
    let (came, comes) = mpsc::channel();
    let address = server(move |mut connection| {
        let _ = connection.read(&mut [0; 100]);
        let _ = came.send(());
    });
    (address, comes)
}

fn saw(case: Case) -> String {
    let ended = case.run();
    ended.assert_code(0);
    let saw = ended.saw();
    assert!(!saw.is_empty(), "{}", ended.stderr);
    saw[0].to_owned()
}

#[test]
fn nobody_is_reached_who_was_not_granted() {
    let (address, comes) = watched();
    for how in ["net-tcp", "net-tcp-mapped", "net-tcp-any"] {
        let saw = saw(Case::sink("write", how).to(&*address));
        assert_eq!(saw, "access-denied", "{how}");
    }
    // Of a grant for HTTP too: it is one for requests.
    for how in ["net-tcp", "net-tcp-mapped", "net-listen"] {
        let grants = format!("http: ['{address}'], tcp: []");
        let saw = saw(Case::sink("write", how).to(&*address).grants(grants));
        assert_eq!(saw, "access-denied", "{how}");
    }
    assert!(comes.try_recv().is_err(), "somebody came");
}

#[test]
fn a_grant_is_for_one_server_and_one_port() {
    let (address, comes) = watched();
    let grants = format!("tcp: ['{address}'], http: []");
    let run = |how: &str| saw(Case::sink("write", how).to(&*address).grants(&*grants));
    assert_eq!(run("net-tcp"), "REACHED");
    comes.recv_timeout(Duration::from_secs(5)).unwrap();
    let denied = "access-denied";
    assert_eq!(run("net-tcp-others"), format!("{denied} {denied} {denied}"));
    assert_ne!(run("net-tcp-any"), "REACHED");
    assert!(!run("net-tcp-mapped").contains("REACHED"));
    assert_eq!(run("net-listen"), denied);
    assert!(comes.try_recv().is_err(), "somebody came");
}

#[test]
fn there_are_no_datagrams() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let grants = format!("tcp: ['{address}'], http: []");
    assert_eq!(
        saw(Case::sink("write", "net-udp").to(&*address).grants(grants)),
        "access-denied"
    );
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 10]).is_err());
}

#[test]
fn names_are_not_looked_up_that_were_not_granted() {
    for grants in ["tcp: [], http: []", "tcp: ['other.test:1'], http: []"] {
        let ended = Case::sink("write", "net-name")
            .to("evil.test")
            .grants(grants)
            .limits("deadline: 1s")
            .run();
        ended.assert_code(0);
        let denied = ["access-denied"; 4].join(" ");
        assert_eq!(ended.saw(), [denied.as_str()]);
        // The name that was asked for is the guest's word: cut where it is told.
        let longest = ended.stderr.lines().map(str::len).max();
        assert!(longest.is_some_and(|length| length < 1_000), "{longest:?}");
    }
}

#[test]
fn sockets_cannot_be_held_without_end() {
    let ended = Case::sink("write", "net-many")
        .grants("tcp: ['localhost:9'], http: []")
        .run();
    ended.assert_all_rejected(
        "the plugin holds more than 256 handles at once: files, connections, requests, timers",
    );
}

/// What only computes has no sockets to be refused: the call ends it.
#[test]
fn what_only_computes_has_no_sockets() {
    let (address, comes) = watched();
    for how in ["net-tcp", "net-udp", "net-listen", "net-name", "http-plain"] {
        for case in [
            Case::transform(how),
            Case::keyed("process", how),
            Case::keyed("timer", how),
            Case::aggregate("update", how),
        ] {
            let ended = case.to(&*address).run();
            ended.assert_code(0);
            let rejected = ended.rejected();
            assert_eq!(rejected.len(), 1);
            assert!(
                rejected[0].1.contains("the plugin trapped: "),
                "{rejected:?}"
            );
        }
    }
    assert!(comes.try_recv().is_err(), "somebody came");
}
