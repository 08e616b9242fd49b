//! Tables that change while a stream is joined with them.

use std::path::Path;

use crate::process::{Run, lines, until};

const MANIFEST: &str = r#"
name: tables
trigger: 50ms
parallelism: 3
checkpoint: { to: ./state }
sources:
  clicks:
    file: { path: ./clicks, settle: 0s, poll: 20ms }
    format: json
    schema: { user: string, n: int }
  users:
    file: { path: ./users.csv }
    format: csv
    schema: { user: string, city: string, age: int }
    static: true
transforms:
  joined: { sql: "SELECT c.n, u.city, u.age FROM clicks AS c LEFT JOIN users AS u ON c.user = u.user" }
sinks:
  out: { from: joined, file: { path: ./out }, format: json }
"#;

/// Puts a file in its place at once.
fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(".new"), text).unwrap();
    std::fs::rename(folder.join(".new"), folder.join(name)).unwrap();
}

fn start() -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("clicks")).unwrap();
    put(folder.path(), "users.csv", "user,city,age\nann,Rome,30\n");
    put(
        folder.path(),
        "clicks/1.json",
        "{\"user\":\"ann\",\"n\":1}\n{\"user\":\"bob\",\"n\":2}\n",
    );
    let run = Run::start_in(folder, MANIFEST, &[]);
    let out = run.path("out");
    until("the first epoch", || lines(&out).len() == 2);
    run
}

const FIRST: [&str; 2] = [r#"{"n":1,"city":"Rome","age":30}"#, r#"{"n":2}"#];

/// What was joined before stays; a run that comes after reads the table as it is then.
#[test]
fn a_table_that_changes_is_read_again() {
    let run = start();
    let folder = run.path(".");
    put(
        &folder,
        "users.csv",
        "user,city,age\nann,Oslo,31\nbob,Bonn,40\n",
    );
    put(
        &folder,
        "clicks/2.json",
        "{\"user\":\"ann\",\"n\":3}\n{\"user\":\"bob\",\"n\":4}\n",
    );
    let out = run.path("out");
    until("the second epoch", || lines(&out).len() == 4);
    // In its place, with the same size.
    std::fs::write(
        folder.join("users.csv"),
        "user,city,age\nann,Rome,32\nbob,Bonn,41\n",
    )
    .unwrap();
    put(&folder, "clicks/3.json", "{\"user\":\"ann\",\"n\":5}\n");
    until("the third epoch", || lines(&out).len() == 5);
    run.signal("KILL");
    let ended = run.wait();
    put(&folder, "users.csv", "user,city,age\n");
    put(&folder, "clicks/4.json", "{\"user\":\"ann\",\"n\":6}\n");
    let run = ended.again(MANIFEST);
    until("an epoch of the next run", || lines(&out).len() == 6);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let then = [
        r#"{"n":3,"city":"Oslo","age":31}"#,
        r#"{"n":4,"city":"Bonn","age":40}"#,
        r#"{"n":5,"city":"Rome","age":32}"#,
        r#"{"n":6}"#,
    ];
    assert_eq!(ended.lines("out"), [FIRST.as_slice(), &then].concat());
}

/// A table that is away for a moment is waited for, and no row is joined with nothing.
#[test]
fn a_table_that_is_away_is_waited_for() {
    let run = start();
    let folder = run.path(".");
    std::fs::remove_file(folder.join("users.csv")).unwrap();
    put(&folder, "clicks/2.json", "{\"user\":\"ann\",\"n\":3}\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    put(&folder, "users.csv", "user,city,age\nann,Bern,33\n");
    let out = run.path("out");
    until("the second epoch", || lines(&out).len() == 3);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let then = [r#"{"n":3,"city":"Bern","age":33}"#];
    assert_eq!(ended.lines("out"), [FIRST.as_slice(), &then].concat());
}

/// A table that cannot be read stops the run, with the file and the row; nothing of its epoch
/// is there.
#[test]
fn a_table_with_a_bad_row_stops_the_run() {
    let run = start();
    let folder = run.path(".");
    put(
        &folder,
        "users.csv",
        "user,city,age\nann,Rome,30\nbob,Bonn,old\n",
    );
    put(&folder, "clicks/2.json", "{\"user\":\"ann\",\"n\":3}\n");
    let ended = run.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let told = "table `users`: ./users.csv, position 3: column `age`";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(ended.lines("out"), FIRST);
}

/// A stream that becomes a table has read files that it will read again: that is asked first.
#[test]
fn a_stream_becomes_a_table_only_if_that_is_allowed() {
    let run = start();
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let static_clicks = MANIFEST.replace(
        "schema: { user: string, n: int }",
        "schema: { user: string, n: int }\n    static: true",
    );
    let static_clicks = static_clicks.replace("    static: true\ntransforms", "transforms");
    let swapped = static_clicks.replace("FROM clicks AS c LEFT", "FROM clicks AS c RIGHT");
    let ended = ended.again(&swapped).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let told = "node `clicks`: it is static now: where it was as a stream would be lost";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
