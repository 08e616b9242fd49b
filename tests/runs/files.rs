//! Files that come late, files that are too much.

use std::io::Write;
use std::path::Path;

use crate::process::{Run, lines, until};

#[test]
fn files_that_appear_later_are_read_once() {
    let manifest = "
name: late
trigger: continuous
parallelism: 2
sources:
  lines: { file: { path: ./in, settle: 0s, poll: 20ms }, format: text, keep: [path] }
sinks:
  out: { from: lines, file: { path: ./out }, format: json }
";
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("in");
    std::fs::create_dir(&inbox).unwrap();
    std::fs::write(inbox.join("first.txt"), "one\ntwo\n").unwrap();
    let run = Run::start_in(folder, manifest, &[]);
    let out = run.path("out");
    until("the first file", || lines(&out).len() == 2);
    // Written elsewhere and moved in, as it should be done.
    for name in ["second", "third", "fourth"] {
        let hidden = inbox.join(format!(".{name}"));
        std::fs::write(&hidden, format!("{name}\n")).unwrap();
        std::fs::rename(hidden, inbox.join(format!("{name}.txt"))).unwrap();
    }
    until("three more", || lines(&out).len() == 5);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    assert_eq!(
        ended.lines("out"),
        [
            r#"{"value":"fourth","path":"./in/fourth.txt"}"#,
            r#"{"value":"one","path":"./in/first.txt"}"#,
            r#"{"value":"second","path":"./in/second.txt"}"#,
            r#"{"value":"third","path":"./in/third.txt"}"#,
            r#"{"value":"two","path":"./in/first.txt"}"#,
        ]
    );
}

/// A line of 100 MB costs its neighbours nothing, and no memory.
#[test]
fn a_line_that_is_too_long_is_rejected_and_not_held() {
    let manifest = "
name: long
trigger: once
parallelism: 1
sources:
  lines: { file: { path: long.txt }, format: text }
sinks:
  out: { from: lines, file: { path: ./out }, format: json }
  bad: { from: lines.rejected, file: { path: ./bad }, format: json }
";
    let folder = tempfile::tempdir().unwrap();
    write_long(&folder.path().join("long.txt"));
    let mut run = Run::start_in(folder, manifest, &[]);
    let mut most = 0;
    while run.is_running() {
        most = run.memory().1.max(most);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ended = run.wait();
    ended.assert_success();
    assert_eq!(
        ended.lines("out"),
        [r#"{"value":"after"}"#, r#"{"value":"before"}"#]
    );
    let bad = ended.lines("bad");
    assert_eq!(bad.len(), 1);
    assert!(
        bad[0].contains(r#""position":"2""#) && bad[0].contains("longer than max_line 16MiB"),
        "{}",
        bad[0]
    );
    println!("a line of 100 MB: {} MB at most", most >> 20);
    assert!(most < 200 << 20, "{most} bytes of memory");
}

fn write_long(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(b"before\n").unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&piece).unwrap();
    }
    file.write_all(b"\nafter\n").unwrap();
}
