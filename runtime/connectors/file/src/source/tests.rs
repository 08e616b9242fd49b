use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use azud_connect::{Framing, Read, Records, Source, SourceContext, SourceReader};
use azud_model::{ErrorKind, ManualClock, Position, SystemClock};
use serde_json::{Value, json};

mod changes;
mod conformance;
mod looks;
mod places;
mod resume;

fn context(directory: &Path, lanes: usize, finite: bool, framing: Framing) -> SourceContext {
    SourceContext {
        pipeline: "test".into(),
        node: "in".into(),
        directory: directory.to_owned(),
        lanes,
        finite,
        framing,
        metadata: vec!["path".into()],
        clock: Arc::new(SystemClock::new()),
    }
}

fn source(directory: &Path, options: Value) -> Arc<dyn Source> {
    super::make(options, context(directory, 1, true, Framing::Lines)).unwrap()
}

/// `name:position:record` of everything a source has, and the error it ends with.
async fn read_all(source: &Arc<dyn Source>, resume: &[Position]) -> (Vec<String>, Option<String>) {
    let mut out = Vec::new();
    for mut reader in source.open(resume).await.unwrap() {
        loop {
            match reader.next().await {
                Ok(Read::Records(records)) => out.extend(texts(&records)),
                Ok(Read::EpochFull) => reader.start_epoch(),
                Ok(Read::End) => break,
                Err(error) => return (out, Some(error.to_string())),
            }
        }
    }
    (out, None)
}

fn texts(records: &Records) -> Vec<String> {
    assert_eq!(
        records.metadata.as_ref().unwrap().num_rows(),
        records.payload.len()
    );
    (records.first..)
        .zip(records.payload.iter())
        .map(|(n, record)| {
            format!(
                "{}:{n}:{}",
                records.partition.name,
                String::from_utf8_lossy(record)
            )
        })
        .collect()
}

fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>, age: u64) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_folder_is_read_oldest_first_without_what_is_hidden() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/b.txt", "b1\r\nb2", 10);
    write(home.path(), "in/a.txt", "\u{feff}a1\n", 10);
    write(home.path(), "in/z.txt", "z\n", 20);
    write(home.path(), "in/empty.txt", "", 30);
    for hidden in [".h", "_h", "h.tmp", "deeper/c.txt"] {
        write(home.path(), &format!("in/{hidden}"), "no\n", 0);
    }
    let expected = [
        "in/z.txt:1:z",
        "in/a.txt:1:a1",
        "in/b.txt:1:b1",
        "in/b.txt:2:b2",
    ];
    for path in ["in", "in/*"] {
        let (found, error) = read_all(&source(home.path(), json!({ "path": path })), &[]).await;
        assert_eq!(
            (found, error),
            (expected.map(str::to_owned).to_vec(), None),
            "{path}"
        );
    }
    let (found, _) = read_all(&source(home.path(), json!({"path": "in/z.txt"})), &[]).await;
    assert_eq!(found, ["in/z.txt:1:z"]);
    let (found, _) = read_all(&source(home.path(), json!({"path": "./in"})), &[]).await;
    assert_eq!(found[0], "./in/z.txt:1:z");
}

/// They are two files, and nobody's place is the other's.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn names_that_are_not_utf8_are_told_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("in")).unwrap();
    for (name, line) in [(&b"caf\xe8"[..], "1\n"), (b"caf\xe9", "2\n")] {
        fs::write(home.path().join("in").join(OsStr::from_bytes(name)), line).unwrap();
    }
    let source = source(home.path(), json!({"path": "in"}));
    let (mut rows, _) = read_all(&source, &[]).await;
    rows.sort();
    assert_eq!(rows, [r"in/caf\xe8:1:1", r"in/caf\xe9:1:2"]);
}

#[tokio::test]
async fn what_is_not_there_is_said_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    for path in ["gone", "gone.txt"] {
        let error = source(home.path(), json!({ "path": path }))
            .open(&[])
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(
            error.to_string(),
            format!("there is no file or folder `{path}`; paths are relative to the manifest")
        );
    }
    let (found, error) = read_all(&source(home.path(), json!({"path": "gone/*.txt"})), &[]).await;
    assert_eq!((found.len(), error), (0, None));
}

#[tokio::test]
async fn compressed_files_are_read_by_their_first_bytes() {
    let home = tempfile::tempdir().unwrap();
    let members = [gzip(b"a\nb"), gzip(b"c\nd\n")].concat();
    write(home.path(), "in/1.gz", members, 30);
    write(
        home.path(),
        "in/2",
        zstd::encode_all(&b"e\n"[..], 1).unwrap(),
        20,
    );
    let (found, error) = read_all(&source(home.path(), json!({"path": "in"})), &[]).await;
    assert_eq!(
        found,
        ["in/1.gz:1:a", "in/1.gz:2:bc", "in/1.gz:3:d", "in/2:1:e"]
    );
    assert_eq!(error, None);
}

#[tokio::test]
async fn a_gzip_that_is_cut_off_stops_the_pipeline_after_what_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let lines: String = (0..20_000)
        .map(|n| format!("{:x}\n", n * 7919 % 99_991))
        .collect();
    let whole = gzip(lines.as_bytes());
    write(home.path(), "in/a.gz", &whole[..whole.len() / 2], 0);
    let (found, error) = read_all(&source(home.path(), json!({"path": "in"})), &[]).await;
    assert!(found.len() > 5_000);
    for (line, text) in (1..).zip(lines.lines()).take(found.len()) {
        assert_eq!(found[line - 1], format!("in/a.gz:{line}:{text}"));
    }
    let error = error.unwrap();
    let expected = format!(
        "file `in/a.gz` ends too early, in line {}: its compressed data is cut off; put the whole \
         file in its place, or remove it: ",
        found.len() + 1
    );
    assert!(error.starts_with(&expected), "{error}");

    write(home.path(), "in/a.gz", "plain text", 0);
    let (_, error) = read_all(&source(home.path(), json!({"path": "in"})), &[]).await;
    assert_eq!(
        error.unwrap(),
        "file `in/a.gz` cannot be read further than line 1: invalid gzip header"
    );
}

#[tokio::test]
async fn a_long_line_is_rejected_and_the_others_go_on() {
    let home = tempfile::tempdir().unwrap();
    write(
        home.path(),
        "a",
        ["x", &"y".repeat(5000), "z"].join("\n"),
        0,
    );
    let source = source(home.path(), json!({"path": "a", "max_line": "4KiB"}));
    let mut readers = source.open(&[]).await.unwrap();
    let Read::Records(records) = readers[0].next().await.unwrap() else {
        panic!()
    };
    assert_eq!(records.len(), 3);
    assert_eq!(records.bad[0].index, 1);
    assert_eq!(records.bad[0].reason, "longer than max_line 4KiB");
    assert_eq!(records.payload.record(1).len(), 1024);
}

#[tokio::test]
async fn shares_end_epochs() {
    let home = tempfile::tempdir().unwrap();
    for (age, name) in ["a", "b", "c"].iter().rev().enumerate() {
        write(home.path(), &format!("in/{name}"), "1\n2\n3\n", age as u64);
    }
    for (option, rows) in [("max_files", 3), ("max_rows", 3), ("max_bytes", 6)] {
        let source = source(
            home.path(),
            json!({"path": "in", option: if option == "max_files" { 1 } else { rows }}),
        );
        let mut reader = source.open(&[]).await.unwrap().remove(0);
        for name in ["a", "b", "c"] {
            reader.start_epoch();
            let Read::Records(records) = reader.next().await.unwrap() else {
                panic!("{option}")
            };
            assert_eq!(records.len(), 3, "{option}");
            assert_eq!(records.partition.name, format!("in/{name}"));
            if name != "c" {
                assert!(
                    matches!(reader.next().await.unwrap(), Read::EpochFull),
                    "{option}"
                );
            }
        }
    }
    // A share cuts through chunks, and positions follow.
    let source = source(home.path(), json!({"path": "in/a", "max_rows": 2}));
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    reader.start_epoch();
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!()
    };
    assert_eq!(texts(&records), ["in/a:1:1", "in/a:2:2"]);
    assert!(matches!(reader.next().await.unwrap(), Read::EpochFull));
    let positions = reader.positions();
    reader.start_epoch();
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!()
    };
    assert_eq!(texts(&records), ["in/a:3:3"]);
    assert!(matches!(reader.next().await.unwrap(), Read::End));
    let done = reader.positions();
    assert_eq!(read_all(&source, &positions).await.0, ["in/a:3:3"]);
    assert!(read_all(&source, &done).await.0.is_empty());
}

/// What a share and the file both end with is the file's end: else a line that is appended
/// to an end without a newline would be two records.
#[tokio::test]
async fn a_file_that_ends_with_the_share_has_ended() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "a", "1\n2\n3", 0);
    for option in ["max_rows", "max_bytes"] {
        let share = if option == "max_rows" { 3 } else { 5 };
        let source = source(home.path(), json!({"path": "a", option: share}));
        let mut reader = source.open(&[]).await.unwrap().remove(0);
        reader.start_epoch();
        let Read::Records(records) = reader.next().await.unwrap() else {
            panic!("{option}")
        };
        assert_eq!(texts(&records), ["a:1:1", "a:2:2", "a:3:3"]);
        assert!(matches!(reader.next().await.unwrap(), Read::End));
        let done = reader.positions();
        write(home.path(), "a", "1\n2\n33\n4\n", 0);
        assert!(read_all(&source, &done).await.0.is_empty(), "{option}");
        write(home.path(), "a", "1\n2\n3", 0);
    }
}

/// A share of bytes is as exact as one of rows: it ends with the record that reaches it.
#[tokio::test]
async fn a_share_of_bytes_cuts_through_a_chunk() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "a", "1\n22\n3\n4\n5\n", 0);
    for (max_bytes, expected) in [
        (1, vec![1, 1, 1, 1, 1]),
        (2, vec![1, 1, 1, 1, 1]),
        (3, vec![2, 2, 1]),
        (5, vec![2, 3]),
        (10, vec![5]),
        (11, vec![5]),
        (100, vec![5]),
    ] {
        let source = source(home.path(), json!({"path": "a", "max_bytes": max_bytes}));
        let mut reader = source.open(&[]).await.unwrap().remove(0);
        let mut epochs = vec![0];
        loop {
            match reader.next().await.unwrap() {
                Read::Records(records) => *epochs.last_mut().unwrap() += records.len(),
                Read::EpochFull => {
                    epochs.push(0);
                    reader.start_epoch();
                }
                Read::End => break,
            }
        }
        epochs.retain(|rows| *rows > 0);
        assert_eq!(epochs, expected, "{max_bytes}");
    }
}

#[tokio::test]
async fn it_goes_on_where_it_stood() {
    let home = tempfile::tempdir().unwrap();
    let lines: String = (0..10_000).map(|n| format!("{n},x\n")).collect();
    let content = format!("n,x\n{lines}");
    write(home.path(), "in/plain", &content, 20);
    write(home.path(), "in/packed.gz", gzip(content.as_bytes()), 10);
    let framing = Framing::Csv { header: true };
    let source = super::make(
        json!({"path": "in", "max_rows": 5000}),
        context(home.path(), 1, true, framing),
    )
    .unwrap();
    let (all, _) = read_all(&source, &[]).await;
    assert_eq!(all.len(), 20_000);
    let mut seen = Vec::new();
    let mut resume = Vec::new();
    for _ in 0..5 {
        let mut reader = source.open(&resume).await.unwrap().remove(0);
        reader.start_epoch();
        while let Read::Records(records) = reader.next().await.unwrap() {
            assert_eq!(records.header.as_deref(), Some(&b"n,x"[..]));
            seen.extend(texts(&records));
        }
        resume = reader.positions();
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn files_are_dealt_in_turn() {
    let home = tempfile::tempdir().unwrap();
    for n in 0..5_u64 {
        write(home.path(), &format!("in/{n}"), "x\n", 10 - n);
    }
    let source = super::make(
        json!({"path": "in"}),
        context(home.path(), 2, true, Framing::Lines),
    )
    .unwrap();
    let mut readers = source.open(&[]).await.unwrap();
    assert_eq!(readers.len(), 2);
    let mut names = Vec::new();
    for reader in &mut readers {
        let mut own = Vec::new();
        while let Read::Records(records) = reader.next().await.unwrap() {
            own.push(records.partition.name.clone());
        }
        names.push(own);
    }
    assert_eq!(names, [vec!["in/0", "in/2", "in/4"], vec!["in/1", "in/3"]]);
}

#[tokio::test]
async fn later_files_are_picked_up_once_they_have_settled() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(0));
    fs::create_dir(home.path().join("in")).unwrap();
    let context = SourceContext {
        pipeline: "test".into(),
        clock: clock.clone(),
        ..context(home.path(), 1, false, Framing::Lines)
    };
    let source = super::make(
        json!({"path": "in", "settle": "2s", "poll": "10ms"}),
        context,
    )
    .unwrap();
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    // By the manual clock the file is from the future: only watching it helps.
    write(home.path(), "in/a", "1\n", 0);
    assert!(look(&clock, &mut reader).await.is_none());
    write(home.path(), "in/a", "1\n2\n", 0);
    for _ in 0..2 {
        assert!(look(&clock, &mut reader).await.is_none());
    }
    let Some(Read::Records(records)) = look(&clock, &mut reader).await else {
        panic!()
    };
    assert_eq!(texts(&records), ["in/a:1:1", "in/a:2:2"]);
    // It was read: what it becomes later is not looked at.
    write(home.path(), "in/a", "1\n2\n3\n", 0);
    for _ in 0..4 {
        assert!(look(&clock, &mut reader).await.is_none());
    }
}

/// What `next` gives a second later; it is dropped then, as at the end of an epoch.
async fn look(clock: &ManualClock, reader: &mut Box<dyn SourceReader>) -> Option<Read> {
    clock.advance(Duration::from_secs(1));
    let next = tokio::time::timeout(Duration::from_millis(100), reader.next()).await;
    next.ok().map(Result::unwrap)
}
