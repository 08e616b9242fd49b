//! A checkpoint on an object store: `tests/services/s3`, a real one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use crate::data::{Row, files};
use crate::process::{log, run, wait};
use crate::verdict::{Verdict, counted, counts, lines, table};

/// The server of this test; it ends with the process, whose pipe it reads.
struct Server {
    environment: Vec<(&'static str, String)>,
    bucket: String,
    _child: Child,
    _pipe: ChildStdin,
}

impl Server {
    /// `None`, and a word why, where it cannot be had.
    fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    #[expect(clippy::print_stdout, reason = "a test that does nothing says so")]
    fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/services/s3");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Vec<String> = lines
            .map(|line| line.unwrap())
            .take_while(|line| line != "ready")
            .collect();
        let of = |name: &str| {
            let line = told.iter().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix('='))
                .map(str::to_owned)
        };
        let Some(bucket) = of("S3_BUCKET") else {
            let status = child.wait().unwrap();
            // It has told the reason.
            assert_eq!(status.code(), Some(3), "tests/services/s3: {status}");
            println!("skipped: there is no S3 server here");
            return None;
        };
        Some(Self {
            environment: vec![
                ("AWS_ENDPOINT_URL", of("S3").unwrap()),
                ("AWS_ACCESS_KEY_ID", of("S3_KEY").unwrap()),
                ("AWS_SECRET_ACCESS_KEY", of("S3_SECRET").unwrap()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ALLOW_HTTP", "true".to_owned()),
            ],
            bucket,
            _child: child,
            _pipe: pipe,
        })
    }

    fn run(&self, folder: &Path, kill_at: Option<&str>) -> Child {
        let mut command = run(folder, kill_at, &[]);
        command.envs(self.environment.iter().cloned());
        command.spawn().unwrap()
    }

    fn finish(&self, folder: &Path) {
        let status = wait(&mut self.run(folder, None), folder);
        assert!(status.success(), "{status}: {}", log(folder));
    }

    /// What a subcommand prints.
    fn tell(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_azud"))
            .current_dir(folder)
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

const MANIFEST: &str = r#"
name: far
trigger: once
parallelism: 2
checkpoint: { to: "s3://BUCKET/PREFIX" }
sources:
  rows:
    file: { path: ./in, max_rows: 500 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
transforms:
  sums: { sql: "SELECT key, count(*) AS n, sum(sequence) AS s FROM rows GROUP BY key" }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
  counted: { from: sums, file: { path: ./counted }, format: json, mode: complete }
"#;

fn folder(server: &Server, prefix: &str) -> (tempfile::TempDir, Vec<Row>, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let rows = files(&folder.path().join("in"), 3, 2, 3_000);
    let manifest = MANIFEST.replace("BUCKET", &server.bucket);
    let path = folder.path().join("p.yaml");
    std::fs::write(&path, manifest.replace("PREFIX", prefix)).unwrap();
    (folder, rows, path)
}

fn assert_exact(folder: &Path, rows: &[Row], what: &str) {
    let verdict = Verdict::of(rows, &table(&folder.join("all")));
    assert!(verdict.is_good(), "{what}: {verdict}\n{}", log(folder));
    let found = counted(&folder.join("counted"));
    assert!(
        found == counts(rows),
        "{what}: the counts are wrong\n{}",
        log(folder)
    );
}

#[test]
fn a_run_that_is_killed_goes_on_from_a_bucket() {
    let Some(server) = Server::get() else { return };
    let points = [
        "before-record:3",
        "after-record:1",
        "after-record:4",
        "before-commit:4",
    ];
    for (number, kill_at) in points
        .into_iter()
        .chain(["in-commit:3", "after-commit:2"])
        .enumerate()
    {
        let prefix = format!("killed/{number}");
        let (folder, rows, _) = folder(server, &prefix);
        let status = wait(&mut server.run(folder.path(), Some(kill_at)), folder.path());
        assert!(!status.success(), "{kill_at}: it was not killed");
        server.finish(folder.path());
        assert_exact(folder.path(), &rows, kill_at);
        assert!(!folder.path().join("s3:").exists());
        let url = format!("s3://{}/{prefix}", server.bucket);
        let told = server.tell(folder.path(), &["state", "ls", &url, "--json"]);
        let records: serde_json::Value = serde_json::from_str(&told).unwrap();
        let last = records.as_array().unwrap().last().unwrap();
        assert_eq!(last["generation"], 2, "{told}");
        server.tell(folder.path(), &["plan", "p.yaml", "--against", &url]);
        // Once more: nothing is new.
        server.finish(folder.path());
        assert_exact(folder.path(), &rows, kill_at);
    }
}

/// The first run goes on for ever; the second one takes the checkpoint from it.
#[test]
#[expect(clippy::zombie_processes, reason = "a test that fails ends")]
fn the_later_of_two_runs_owns_the_checkpoint() {
    let Some(server) = Server::get() else { return };
    let (folder, mut rows, path) = folder(server, "two");
    let folder = folder.path();
    let manifest = std::fs::read_to_string(&path).unwrap();
    let (sources, _) = manifest.split_once("transforms:").unwrap();
    let once = format!("{sources}sinks:\n  out: {{ from: rows, console: {{ style: json }} }}\n");
    let printing = |name: &str| {
        let mut command = run(folder, None, &[]);
        command.envs(server.environment.iter().cloned());
        command.stdout(std::fs::File::create(folder.join(name)).unwrap());
        command.spawn().unwrap()
    };
    let printed = |name: &str| lines(&folder.join(name));

    std::fs::write(&path, once.replace("trigger: once", "trigger: 100ms")).unwrap();
    let mut first = printing("first");
    let there = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    while there("first").matches('\n').count() < rows.len() {
        assert!(first.try_wait().unwrap().is_none(), "{}", log(folder));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::fs::write(&path, once).unwrap();
    for (number, name) in ["second", "third"].into_iter().enumerate() {
        assert!(
            wait(&mut printing(name), folder).success(),
            "{}",
            log(folder)
        );
        if number == 0 {
            // Now the first one has something to commit, and must not.
            rows.extend(files(&folder.join("more"), 4, 1, 200));
            std::fs::rename(folder.join("more/0.json"), folder.join("in/9.json")).unwrap();
            let status = wait(&mut first, folder);
            let said = log(folder);
            assert!(!status.success(), "{status}: {said}");
            let why = "another run has taken over the checkpoint `s3://";
            assert!(said.contains(why), "{said}");
        }
    }
    let found: Vec<_> = ["first", "second", "third"].map(printed).concat();
    assert_eq!(printed("third").len(), 200);
    let found: Vec<Row> = found.iter().map(|line| Row::of_json(line)).collect();
    let verdict = Verdict::of(&rows, &found);
    assert!(
        verdict.missing + verdict.doubled == 0,
        "{verdict}\n{}",
        log(folder)
    );
}

#[test]
fn a_wrong_key_is_refused_at_once() {
    let Some(server) = Server::get() else { return };
    let (folder, _, _) = folder(server, "wrong-key");
    let mut command = run(folder.path(), None, &[]);
    command.envs(server.environment.iter().cloned());
    command.env("AWS_SECRET_ACCESS_KEY", "another-secret");
    let status = wait(&mut command.spawn().unwrap(), folder.path());
    let said = log(folder.path());
    assert!(!status.success(), "{said}");
    assert!(
        said.contains("SignatureDoesNotMatch: check AWS_ACCESS_KEY_ID"),
        "{said}"
    );
    assert!(!said.contains("another-secret"), "{said}");
}

#[test]
fn a_journal_needs_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"
name: pushed
checkpoint: { to: "s3://bucket/prefix" }
sources:
  lines: { socket: { connect: "127.0.0.1:1" } }
sinks:
  out: { from: lines, console: {} }
"#;
    let path = folder.path().join("p.yaml");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        let output = command.arg("check").arg(&path).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (accepted, said) = check(manifest);
    assert!(!accepted);
    assert!(said.contains("a journal, which needs a disk"), "{said}");
    assert!(said.contains("`durability: memory`"), "{said}");
    let memory = manifest.replace("lines: { ", "lines: { durability: memory, ");
    let (accepted, said) = check(&memory);
    assert!(accepted, "{said}");
}
