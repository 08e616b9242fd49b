//! File sinks in a bucket of a real server: killed at any point, taken over by another run.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::bucket::Server;
use crate::data::{Row, files};
use crate::process::{log, wait};
use crate::seeds;
use crate::verdict::{Verdict, counted, counts, table};

const MANIFEST: &str = r#"
name: shown
trigger: once
parallelism: LANES
checkpoint: { to: "STATE" }
sources:
  rows:
    file: { path: ./in, max_rows: SHARE }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
transforms:
  sums: { sql: "SELECT key, count(*) AS n, sum(sequence) AS s FROM rows GROUP BY key" }
sinks:
  all: { from: rows, file: { path: "s3://BUCKET/PREFIX/all" }, format: json }
  counted: { from: sums, file: { path: "s3://BUCKET/PREFIX/counted/" }, format: json, mode: complete }
"#;

/// A pipeline into a prefix.
struct Case<'a> {
    server: &'a Server,
    prefix: String,
    home: tempfile::TempDir,
    rows: Vec<Row>,
}

impl<'a> Case<'a> {
    /// `state` is where the checkpoint is; `rows` are those of each of two partitions.
    fn new(server: &'a Server, prefix: &str, state: &str, rows: u64, seed: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let rows = files(&home.path().join("in"), seed, 2, rows);
        let case = Self {
            server,
            prefix: prefix.to_owned(),
            home,
            rows,
        };
        case.write(state, "500", 1 + seed % 2);
        case
    }

    fn write(&self, state: &str, share: &str, lanes: u64) {
        let manifest = MANIFEST
            .replace("STATE", state)
            .replace("SHARE", share)
            .replace("LANES", &lanes.to_string())
            .replace("BUCKET", &self.server.bucket)
            .replace("PREFIX", &self.prefix);
        std::fs::write(self.home.path().join("p.yaml"), manifest).unwrap();
    }

    fn folder(&self) -> &Path {
        self.home.path()
    }

    fn start(&self, kill_at: Option<&str>) -> Child {
        self.server.run(self.folder(), kill_at)
    }

    fn finish(&self) {
        self.server.finish(self.folder());
    }

    /// Every row once, whole and in order.
    fn assert_exact(&self, what: &str) {
        let all = format!("{}/all", self.prefix);
        let sums = format!("{}/counted", self.prefix);
        let verdict = Verdict::of(&self.rows, &table(self.server.copy(&all).path()));
        let said = log(self.folder());
        assert!(verdict.is_good(), "{what}: {verdict}\n{said}");
        assert_eq!(verdict.rows, self.rows.len(), "{what}");
        let found = counted(self.server.copy(&sums).path());
        assert!(
            found == counts(&self.rows),
            "{what}: the counts are wrong\n{said}"
        );
        assert!(!self.folder().join("s3:").exists());
    }

    /// No upload is left, nor the marker of one.
    fn assert_clean(&self, what: &str) {
        for sink in ["all", "counted"] {
            let prefix = format!("{}/{sink}", self.prefix);
            let markers = self.server.markers(&prefix);
            let said = log(self.folder());
            assert!(markers.is_empty(), "{what}: {markers:?}\n{said}");
            assert_eq!(self.server.uploads(&prefix), 0, "{what}");
        }
    }
}

/// Places to die at.
const POINTS: [&str; 12] = [
    "after-sink-write:3",
    "after-upload-begin:3",
    "after-marker:4",
    "after-part:5",
    "before-record:3",
    "after-record:1",
    "after-record:4",
    "before-commit:6",
    "in-commit:5",
    "after-complete:3",
    "after-list:4",
    "after-commit:2",
];

#[test]
fn a_run_that_is_killed_shows_every_row_once() {
    let Some(server) = Server::get() else { return };
    for (number, kill_at) in POINTS.into_iter().enumerate() {
        let prefix = format!("points/{number}");
        let case = Case::new(server, &prefix, "./state", 3_000, number as u64);
        let status = wait(&mut case.start(Some(kill_at)), case.folder());
        assert!(!status.success(), "{kill_at}: it was not killed");
        // With another number of lanes.
        case.write("./state", "500", 1 + number as u64 % 3);
        case.finish();
        case.assert_exact(kill_at);
        case.assert_clean(kill_at);
        // Once more: nothing is new.
        case.finish();
        case.assert_exact(kill_at);
    }
}

/// Objects of several parts.
#[test]
fn a_run_that_is_killed_between_parts() {
    let Some(server) = Server::get() else { return };
    let case = Case::new(server, "parts", "./state", 100_000, 7);
    case.write("./state", "1000000", 1);
    let status = wait(&mut case.start(Some("after-part:2")), case.folder());
    assert!(!status.success(), "it was not killed");
    assert_eq!(server.markers("parts/all").len(), 1);
    case.finish();
    case.assert_exact("between parts");
    case.assert_clean("between parts");
    let sizes = server.copy("parts/all");
    let length = sizes.path().join("part-0-0.json").metadata().unwrap().len();
    assert!(length > 16 << 20, "{length} bytes are no three parts");
}

/// Killed again and again, until it is done; the checkpoint is in the bucket, too.
#[test]
fn a_run_that_is_killed_at_any_time_shows_every_row_once() {
    let Some(server) = Server::get() else { return };
    let mut kills = 0;
    for seed in seeds(40) {
        let prefix = format!("any/{seed}");
        let state = match seed % 2 {
            0 => "./state".to_owned(),
            _ => format!("s3://{}/{prefix}/state", server.bucket),
        };
        let case = Case::new(server, &prefix, &state, 2_000, 100 + seed);
        let mut random = fastrand(seed);
        for attempt in 0..60 {
            let life = Duration::from_millis(40 + random() % 400 + attempt * 20);
            let mut child = case.start(None);
            std::thread::sleep(life);
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "seed {seed}: {}", log(case.folder()));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        case.finish();
        let what = format!("seed {seed}, killed at any time");
        case.assert_exact(&what);
        case.assert_clean(&what);
    }
    println!("{kills} kills: 0 missing, 0 doubled, 0 corrupt, 0 reordered");
}

/// One run is held up at any time, another finishes, and the first one goes on.
#[test]
fn a_run_that_was_held_up_shows_nothing_and_rolls_nothing_back() {
    let Some(server) = Server::get() else { return };
    let (mut refused, mut finished) = (0, 0);
    for seed in seeds(60) {
        let prefix = format!("held/{seed}");
        let state = format!("s3://{}/{prefix}/state", server.bucket);
        let case = Case::new(server, &prefix, &state, 2_000, 300 + seed);
        let what = format!("seed {seed}, held up");
        let mut random = fastrand(seed);
        let mut held = Held(case.start(None));
        std::thread::sleep(Duration::from_millis(50 + random() % 900));
        signal(&held.0, "STOP");
        // The next one is killed, or not.
        let next = case.start(None);
        end(next, Duration::from_millis(random() % 1500));
        case.finish();
        case.assert_exact(&what);
        signal(&held.0, "CONT");
        let status = wait(&mut held.0, case.folder());
        match status.success() {
            true => finished += 1,
            false => {
                let said = log(case.folder());
                let why = [
                    "another run has taken over",
                    "is recorded in",
                    "many runs want the checkpoint",
                ];
                assert!(why.iter().any(|why| said.contains(why)), "{what}: {said}");
                refused += 1;
            }
        }
        case.assert_exact(&what);
        // What it has begun to upload meanwhile is the next start's to give up.
        case.finish();
        case.assert_exact(&what);
        case.assert_clean(&what);
    }
    println!("{refused} were refused, {finished} had ended or not begun");
    assert!(refused > 0, "none of them was refused");
}

/// Nobody else ends a run that is held up when its test fails.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Kills a run that is not done by then.
fn end(mut child: Child, after: Duration) {
    std::thread::sleep(after);
    child.kill().ok();
    child.wait().unwrap();
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let done = Command::new("kill").args(["-s", name, &id]).status();
    assert!(done.unwrap().success());
}

/// Xorshift, from a seed.
fn fastrand(seed: u64) -> impl FnMut() -> u64 {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    }
}

#[test]
fn a_bucket_that_is_not_there_is_refused_with_what_to_do() {
    let Some(server) = Server::get() else { return };
    let case = Case::new(server, "p", "./state", 10, 1);
    let path = case.folder().join("p.yaml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let bucket = format!("s3://{}/", server.bucket);
    std::fs::write(&path, manifest.replace(&bucket, "s3://no-such-bucket/")).unwrap();
    let status = wait(&mut case.start(None), case.folder());
    let said = log(case.folder());
    assert!(!status.success(), "{said}");
    assert!(said.contains("s3://no-such-bucket/p/all"), "{said}");
    assert!(
        said.contains("make the bucket, or correct the URL"),
        "{said}"
    );
}

/// What a bucket cannot have is found by `azud check`, which asks nobody.
#[test]
fn check_refuses_what_a_bucket_cannot_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    let check = |file: &str| {
        let manifest = format!(
            "name: p\nsources:\n  rows: {{ generator: {{ rows: 1, columns: {{ id: bigint }} }} }}\n\
             sinks:\n  out: {{ from: rows, file: {{ {file} }}, format: json }}\n"
        );
        std::fs::write(&path, manifest).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        // Nobody listens there.
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        command.env("AWS_ALLOW_HTTP", "true");
        let output = command.arg("check").arg(&path).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (file, why) in [
        (
            r#"path: "s3://b/out", layout: rolling"#,
            "an object cannot grow",
        ),
        (
            r#"path: "s3://b/out", layout: batches"#,
            "needs its name when it begins",
        ),
        (r#"path: "gs://b/out""#, "`s3://bucket/prefix`"),
    ] {
        let (accepted, said) = check(file);
        assert!(!accepted && said.contains(why), "{file}: {said}");
    }
    let (accepted, said) = check(r#"path: "s3://b/out""#);
    assert!(accepted, "{said}");
}
