use std::sync::Arc;
use std::time::Duration;

use azud_connect::{
    Framing, JournalOptions, Journaled, Read, Replay, SimulatedDisk, Source, SourceContext,
    SourceReader,
};
use azud_model::{ErrorKind, ManualClock};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::ListenSource;
use crate::{ConnectSource, SocketOptions};

fn context(finite: bool) -> SourceContext {
    SourceContext {
        pipeline: "test".into(),
        node: "in".into(),
        directory: ".".into(),
        lanes: 2,
        finite,
        framing: Framing::Lines,
        metadata: Vec::new(),
        clock: Arc::new(ManualClock::at(0)),
    }
}

/// `position:line` of what comes next.
async fn lines(reader: &mut Box<dyn SourceReader>) -> Vec<String> {
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!("no records")
    };
    (records.first..)
        .zip(records.payload.iter())
        .map(|(n, line)| format!("{n}:{}", String::from_utf8_lossy(line)))
        .collect()
}

async fn listening(
    options: SocketOptions,
    finite: bool,
) -> (Box<dyn SourceReader>, std::net::SocketAddr) {
    let source = ListenSource::new("127.0.0.1:0", &options, context(finite));
    let reader = source.open(&[]).await.unwrap().remove(0);
    (reader, source.address().unwrap())
}

#[tokio::test]
async fn a_server_is_read_line_by_line_and_again_after_it_closed() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let source = ConnectSource::new(&address, &SocketOptions::default(), context(false));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let serve = async {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"to be\r\nor ").await.unwrap();
        stream
    };
    let (mut stream, first) = tokio::join!(serve, lines(&mut reader));
    assert_eq!(first, ["1:to be"]);
    // Half a line survives being asked for and given up.
    for _ in 0..3 {
        let asked = tokio::time::timeout(Duration::from_millis(20), reader.next()).await;
        assert!(asked.is_err());
    }
    stream.write_all(b"not\nend").await.unwrap();
    drop(stream);
    let mut rest = lines(&mut reader).await;
    if rest.len() == 1 {
        rest.extend(lines(&mut reader).await);
    }
    assert_eq!(rest, ["2:or not", "3:end"]);
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        format!("{address} closed the connection")
    );
    let serve = async {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"again\n").await.unwrap();
    };
    assert_eq!(tokio::join!(serve, lines(&mut reader)).1, ["1:again"]);

    drop(server);
    while reader.next().await.is_ok() {}
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot connect to {address}: ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_finite_run_ends_with_the_connection() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let source = ConnectSource::new(&address, &SocketOptions::default(), context(true));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let serve = async {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"a").await.unwrap();
    };
    assert_eq!(tokio::join!(serve, lines(&mut reader)).1, ["1:a"]);
    assert!(matches!(reader.next().await.unwrap(), Read::End));
}

#[tokio::test]
async fn connections_are_partitions() {
    let (mut reader, address) = listening(SocketOptions::default(), true).await;
    let first = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"a\n").await.unwrap();
        stream
    };
    let (mut one, got) = tokio::join!(first, lines(&mut reader));
    assert_eq!(got, ["1:a"]);
    let second = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"b\n").await.unwrap();
        stream
    };
    let (two, got) = tokio::join!(second, lines(&mut reader));
    assert_eq!(got, ["1:b"]);
    one.write_all(b"c\n").await.unwrap();
    assert_eq!(lines(&mut reader).await, ["2:c"]);
    let names: Vec<_> = reader
        .positions()
        .iter()
        .map(|p| (p.partition.name.clone(), p.next.clone()))
        .collect();
    let name = |stream: &TcpStream, n| format!("{}#{n}", stream.local_addr().unwrap());
    assert_eq!(
        names,
        [
            (name(&one, 1), "3".to_owned()),
            (name(&two, 2), "2".to_owned())
        ]
    );
    drop((one, two));
    assert!(matches!(reader.next().await.unwrap(), Read::End));
}

#[tokio::test]
async fn who_sends_has_to_wait_while_nobody_reads() {
    let (mut reader, address) = listening(SocketOptions::default(), true).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let send = tokio::spawn(async move {
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        for _ in 0..500_000 {
            stream.write_all(&line).await.unwrap();
        }
    });
    lines(&mut reader).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // 50 MB do not fit into a few chunks and the system's buffers.
    assert!(!send.is_finished());
    let mut count = 0;
    while let Read::Records(records) = reader.next().await.unwrap() {
        assert!(records.len() <= 4096);
        count += records.len();
    }
    assert!(count > 400_000);
    send.await.unwrap();
}

#[tokio::test]
async fn a_connection_too_many_waits() {
    let options = SocketOptions {
        max_connections: Some(1),
        ..SocketOptions::default()
    };
    let (mut reader, address) = listening(options, false).await;
    let mut one = TcpStream::connect(address).await.unwrap();
    one.write_all(b"1\n").await.unwrap();
    assert_eq!(lines(&mut reader).await, ["1:1"]);
    let mut two = TcpStream::connect(address).await.unwrap();
    two.write_all(b"2\n").await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(50), reader.next())
            .await
            .is_err()
    );
    drop(one);
    assert_eq!(lines(&mut reader).await, ["1:2"]);
}

#[test]
fn exactly_one_of_connect_and_listen() {
    for options in [
        serde_json::json!({}),
        serde_json::json!({"connect": "a:1", "listen": "b:2"}),
    ] {
        let make = crate::CONNECTOR.source.unwrap().1;
        assert_eq!(
            make(options, context(true)).err().unwrap().to_string(),
            "a socket has either `connect: \"host:port\"` or `listen: \"host:port\"`"
        );
    }
}

/// Sends pieces with pauses, so that each comes as a packet of its own.
async fn serve_pieces(server: &TcpListener, pieces: &[&[u8]]) {
    let (mut stream, _) = server.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn characters_and_line_ends_may_be_split_between_packets() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let source = ConnectSource::new(&address, &SocketOptions::default(), context(true));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let read = async {
        let mut all = Vec::new();
        while let Read::Records(records) = reader.next().await.unwrap() {
            all.extend(
                records
                    .payload
                    .iter()
                    .map(|line| std::str::from_utf8(line).unwrap().to_owned()),
            );
        }
        all
    };
    let pieces: [&[u8]; 6] = [
        b"\xe2",
        b"\x82",
        b"\xac one\r",
        b"\ntwo \xf0\x9f",
        b"\x8c\x8d",
        b"\n",
    ];
    let ((), all) = tokio::join!(serve_pieces(&server, &pieces), read);
    assert_eq!(all, ["\u{20ac} one", "two \u{1f30d}"]);
}

/// It never fills a chunk and never pauses: reading it must still let others work.
#[tokio::test]
async fn a_line_of_100_mb_is_rejected_without_being_held() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let options = SocketOptions {
        max_line: Some("64KiB".parse().unwrap()),
        ..SocketOptions::default()
    };
    let source = ConnectSource::new(&address, &options, context(true));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let serve = async {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"before\n").await.unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            stream.write_all(&piece).await.unwrap();
        }
        stream.write_all(b"\nafter\n").await.unwrap();
    };
    let read = async {
        let mut lines = Vec::new();
        let mut bad = Vec::new();
        while let Read::Records(records) = reader.next().await.unwrap() {
            bad.extend(
                records
                    .bad
                    .iter()
                    .map(|bad| (lines.len() + bad.index, bad.reason.clone())),
            );
            lines.extend(records.payload.iter().map(<[u8]>::len));
        }
        (lines, bad)
    };
    let ((), (lines, bad)) = tokio::join!(serve, read);
    assert_eq!(lines, [6, 1024, 5]);
    assert_eq!(bad, [(1, "longer than max_line 64KiB".to_owned())]);
}

/// A reset says that the sender may not have sent all: what it began is no line.
#[tokio::test]
async fn half_a_line_of_a_connection_that_breaks_is_no_line() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let source = ConnectSource::new(&address, &SocketOptions::default(), context(false));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let serve = async {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"whole\nhal").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    };
    let ((), first) = tokio::join!(serve, lines(&mut reader));
    assert_eq!(first, ["1:whole"]);
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .starts_with(&format!("the connection to {address} broke: ")),
        "{error}"
    );
}

/// Sends what it is told to, and resets the connection.
async fn reset(address: std::net::SocketAddr, text: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

/// A finite run must not take what it has for all there is.
#[tokio::test]
async fn a_connection_that_breaks_is_no_end() {
    let (mut reader, address) = listening(SocketOptions::default(), true).await;
    let ((), first) = tokio::join!(reset(address, b"whole\nhal"), lines(&mut reader));
    assert_eq!(first, ["1:whole"]);
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = error.to_string();
    let (start, end) = ("the connection from 127.0.0.1:", "#1 broke: ");
    assert!(error.starts_with(start) && error.contains(end), "{error}");

    // One that never ends reads others.
    let (mut reader, address) = listening(SocketOptions::default(), false).await;
    let ((), first) = tokio::join!(reset(address, b"whole\nhal"), lines(&mut reader));
    assert_eq!(first, ["1:whole"]);
    let second = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"next\n").await.unwrap();
    };
    assert_eq!(tokio::join!(second, lines(&mut reader)).1, ["1:next"]);
}

/// What was sent before a power cut, and read by nobody, is there after it.
#[tokio::test]
async fn a_journaled_socket_gives_again_what_arrived() {
    let disk = SimulatedDisk::new();
    let journaled = |disk: &SimulatedDisk| {
        let source = ListenSource::new("127.0.0.1:0", &SocketOptions::default(), context(false));
        let source = Arc::new(source);
        assert_eq!(source.replay(), Replay::Never);
        let (disk, clock) = (Arc::new(disk.clone()), Arc::new(ManualClock::at(0)));
        let options = JournalOptions::default();
        let journaled =
            Journaled::new(source.clone(), "in", "journal", disk, options, false, clock);
        (source, journaled)
    };
    let (socket, source) = journaled(&disk);
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    let mut stream = TcpStream::connect(socket.address().unwrap()).await.unwrap();
    stream.write_all(b"one\n").await.unwrap();
    assert_eq!(lines(&mut reader).await, ["1:one"]);
    let recorded = reader.positions();
    stream.write_all(b"two\nthr").await.unwrap();
    assert_eq!(lines(&mut reader).await, ["2:two"]);
    drop(reader);

    let (_, source) = journaled(&disk.crash(1));
    let mut reader = source.open(&recorded).await.unwrap().remove(0);
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!("no records")
    };
    assert_eq!((records.first, records.payload.record(0)), (2, &b"two"[..]));
    let connection = stream.local_addr().unwrap();
    assert_eq!(records.partition.name, format!("{connection}#1"));
    assert_eq!(records.partition.source, "in");
}

#[test]
fn a_socket_cannot_be_asked_again() {
    let source = ConnectSource::new("a:1", &SocketOptions::default(), context(false));
    assert_eq!(source.replay(), Replay::Never);
}
