use proptest::prelude::*;

use super::*;

/// Cuts a stream that comes in pieces of the given length.
fn frame(framing: Framing, max: u64, stream: &[u8], piece: usize) -> Vec<Chunk> {
    let mut framer = Framer::new(framing, ByteSize::from_bytes(max));
    let mut chunks = Vec::new();
    for bytes in stream.chunks(piece.max(1)) {
        framer.push(bytes);
        while framer.is_full() {
            chunks.extend(framer.chunk());
        }
    }
    framer.end();
    chunks.extend(std::iter::from_fn(|| framer.chunk()));
    chunks
}

fn lines(stream: &[u8], piece: usize) -> Vec<String> {
    texts(&frame(Framing::Lines, 1 << 20, stream, piece))
}

fn texts(chunks: &[Chunk]) -> Vec<String> {
    chunks
        .iter()
        .flat_map(|chunk| chunk.payload.iter())
        .map(|record| String::from_utf8_lossy(record).into_owned())
        .collect()
}

#[test]
fn line_ends_are_cut_off_and_the_last_line_needs_none() {
    assert_eq!(lines(b"a\nb\r\n\nc", 100), ["a", "b", "", "c"]);
    assert_eq!(lines(b"a\n", 100), ["a"]);
    assert_eq!(lines(b"\n", 100), [""]);
    assert!(lines(b"", 100).is_empty());
}

#[test]
fn a_byte_order_mark_is_no_text() {
    for piece in 1..8 {
        assert_eq!(lines(b"\xef\xbb\xbfa\nb\n", piece), ["a", "b"]);
        assert_eq!(lines(b"\xef\xbb", piece), ["\u{fffd}"]);
    }
}

#[test]
fn a_short_line_is_there_at_once() {
    let mut framer = Framer::new(Framing::Lines, DEFAULT_MAX_RECORD);
    framer.push(b"a\nb");
    let chunk = framer.chunk().unwrap();
    assert_eq!((chunk.first, chunk.end), (1, 2));
    assert_eq!(chunk.payload.record(0), b"a");
    assert!(framer.chunk().is_none());
    framer.push(b"c\n");
    assert_eq!(framer.chunk().unwrap().payload.record(0), b"bc");
}

#[test]
fn chunks_are_bounded() {
    let stream = b"x\n".repeat(10_000);
    let chunks = frame(Framing::Lines, 1 << 20, &stream, 64 * 1024);
    let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.payload.len()).collect();
    assert_eq!(sizes, [4096, 4096, 1808]);
    assert_eq!(
        chunks.iter().map(|chunk| chunk.first).collect::<Vec<_>>(),
        [1, 4097, 8193]
    );
    assert_eq!(chunks.last().unwrap().end, 20_000);

    let stream = [b"y".repeat(100_000), b"\n".to_vec()].concat().repeat(7);
    let chunks = frame(Framing::Lines, 1 << 20, &stream, 64 * 1024);
    let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.payload.len()).collect();
    assert_eq!(sizes, [3, 3, 1]);
}

#[test]
fn quotes_hide_line_ends_only_where_a_field_starts_with_one() {
    let framing = Framing::Csv { header: false };
    let stream = b"1,\"a\nb\"\n2,5\" pipe\n3,\"x\"\"\n\"\"y\"\r\n";
    for piece in 1..stream.len() {
        let found = texts(&frame(framing, 1 << 20, stream, piece));
        assert_eq!(found, ["1,\"a\nb\"", "2,5\" pipe", "3,\"x\"\"\n\"\"y\""]);
    }
}

#[test]
fn a_header_is_no_record_but_counts() {
    let chunks = frame(Framing::Csv { header: true }, 100, b"a,b\r\n1,2\n", 3);
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].header.as_deref(), Some(&b"a,b"[..]));
    assert_eq!(chunks[0].first, 2);
    assert_eq!(texts(&chunks), ["1,2"]);
    assert!(frame(Framing::Csv { header: true }, 100, b"a,b\n", 3).is_empty());
}

/// Without one there would be no rows, and nobody would know why.
#[test]
fn a_header_that_is_none_is_a_bad_record() {
    let reasons = |text: &[u8], max| {
        let chunks = frame(Framing::Csv { header: true }, max, text, 3);
        let bad = chunks.iter().flat_map(|chunk| &chunk.bad);
        bad.map(|bad| (bad.index, bad.reason.clone()))
            .collect::<Vec<_>>()
    };
    let one = |reason: &str| vec![(0, reason.to_owned())];
    assert_eq!(
        reasons(b"a,\"b\n1,2\n", 100),
        one("in the header, a quote is never closed")
    );
    assert_eq!(
        reasons(b"a,b\r1,2\r", 100),
        one("the header has a carriage return: lines end with a line feed, or with both")
    );
    assert_eq!(
        reasons(b"abcdefghijkl,b\n1,2\n", 8),
        one("the header is longer than max_line 8B")
    );
    assert_eq!(reasons(b"a,b\r\n1,2\r\n", 100), []);
}

#[test]
fn a_line_of_100_mb_is_rejected_without_being_held() {
    let mut framer = Framer::new(Framing::Lines, DEFAULT_MAX_RECORD);
    framer.push(b"first\n");
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        framer.push(&piece);
        assert!(framer.buffer.capacity() < 64 << 20);
    }
    framer.push(b"\nlast\n");
    framer.end();
    let chunk = framer.chunk().unwrap();
    assert_eq!(chunk.payload.len(), 3);
    assert_eq!(chunk.payload.record(1), &b"x".repeat(1024)[..]);
    assert_eq!(chunk.payload.record(2), b"last");
    let reason = "longer than max_line 16MiB".to_owned();
    assert_eq!(chunk.bad, [BadRecord { index: 1, reason }]);
    assert_eq!(chunk.end, 6 + (100 << 20) + 1 + 5);
}

#[test]
fn a_quote_that_nobody_closes_costs_one_record() {
    let framing = Framing::Csv { header: false };
    let stream = [&b"1,\"open"[..], &b"x".repeat(300), b"\n2,b\n3,c\n"].concat();
    let chunks = frame(framing, 200, &stream, 64);
    assert_eq!(texts(&chunks)[1..], ["2,b", "3,c"]);
    assert_eq!(chunks[0].bad[0].index, 0);
}

#[test]
fn it_goes_on_where_a_chunk_ended() {
    let stream: Vec<u8> = (0..9000)
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect();
    let chunks = frame(Framing::Lines, 100, &stream, 1000);
    let first = &chunks[0];
    let mut framer = Framer::new(Framing::Lines, ByteSize::from_bytes(100)).resume(
        None,
        first.next(),
        first.end,
    );
    framer.push(&stream[first.end as usize..]);
    let second = framer.chunk().unwrap();
    assert_eq!(second.first, chunks[1].first);
    assert_eq!(second.payload.record(0), chunks[1].payload.record(0));
    assert_eq!(second.end, chunks[1].end);
}

proptest! {
    /// However a stream is cut into pieces, its records are the same.
    #[test]
    fn pieces_make_no_difference(
        stream in proptest::collection::vec(prop::sample::select(&b"a\n\r\",\xef\xbb\xbf"[..]), 0..200),
        piece in 1_usize..50,
        max in 1_u64..40,
        csv: bool,
    ) {
        let framing = if csv { Framing::Csv { header: true } } else { Framing::Lines };
        let whole = frame(framing, 1 << 20, &stream, stream.len());
        let pieces = frame(framing, 1 << 20, &stream, piece);
        prop_assert_eq!(texts(&whole), texts(&pieces));
        prop_assert_eq!(whole.last().map(|chunk| chunk.end), pieces.last().map(|chunk| chunk.end));

        // With a limit, too, for lines: a quote's end depends on where it is given up.
        let whole = frame(Framing::Lines, max, &stream, stream.len());
        let pieces = frame(Framing::Lines, max, &stream, piece);
        prop_assert_eq!(texts(&whole), texts(&pieces));
        let bad = |chunks: &[Chunk]| chunks.iter().flat_map(|c| c.bad.clone()).collect::<Vec<_>>();
        prop_assert_eq!(bad(&whole), bad(&pieces));
    }

    /// Lines are what splitting at line ends gives.
    #[test]
    fn lines_are_what_split_gives(stream in "[ab\r\n]{0,100}") {
        let expected: Vec<&str> = stream.lines().collect();
        let found = lines(stream.as_bytes(), 7);
        // `lines` leaves a `\r` at the very end of a text, where no line end follows.
        let expected: Vec<&str> = expected.iter().map(|l| l.strip_suffix('\r').filter(|_| !stream.ends_with('\n') && stream.ends_with(*l)).unwrap_or(l)).collect();
        prop_assert_eq!(found.len(), expected.len());
    }
}
