//! `http-post`: retries, partial failures, idempotency keys, grants, secrets.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::server::{Answer, Scripted};

const LINES: &str = r#"{"value":"a"}
{"value":"b"}
{"value":"c"}
"#;

/// Runs a pipeline of three lines into `http_post`.
fn run(server: &Scripted, grant: &str, sink: &str) -> (TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.txt"), "a\nb\nc\n").unwrap();
    let output = run_in(folder.path(), server, grant, sink);
    (folder, output)
}

fn run_in(folder: &Path, server: &Scripted, grant: &str, sink: &str) -> Output {
    write(folder, &server.address(), grant, sink);
    azud(folder, "run").output().unwrap()
}

/// `azud <command> pipeline.yaml` in a folder.
fn azud(folder: &Path, command: &str) -> Command {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    azud.args([command, "pipeline.yaml"])
        .current_dir(folder)
        .env("TOKEN", "open-sesame");
    azud
}

/// Writes the manifest, for a server at `address`.
fn write(folder: &Path, address: &str, grant: &str, sink: &str) {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/http-post");
    let plugin: PathBuf = plugin.canonicalize().unwrap();
    let manifest = format!(
        "
name: posts
trigger: once
parallelism: 1
sources:
  lines: {{ file: {{ path: in.txt }}, format: text }}
sinks:
  hook:
    from: lines
    plugin: http_post
    config: {{ url: 'http://{address}/in', bearer: TOKEN }}
{sink}
plugins:
  http_post:
    source: '{}'
    grants: {{ http: ['{grant}'], secrets: [TOKEN] }}
",
        plugin.display()
    );
    fs::write(folder.join("pipeline.yaml"), manifest).unwrap();
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Rows and reasons that were rejected, as the sink `rejects` wrote them.
const REJECTS: &str = "
  rejects: { from: shown, file: { path: ./rejects }, format: json }
transforms:
  shown: { sql: 'SELECT position, node, reason, attempt FROM `hook.rejected`' }";

fn rejects(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder.join("rejects")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let lines = files.map(|path| fs::read_to_string(path).unwrap());
    let lines = lines.collect::<String>();
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_batch_is_posted_once_as_json_lines() {
    let server = Scripted::start(&[]);
    let (_folder, output) = run(&server, &server.address(), "");
    assert!(output.status.success(), "{}", told(&output));
    let [only] = server.received().try_into().unwrap();
    assert_eq!(only.body, LINES);
    assert_eq!(only.content_type, "application/x-ndjson");
    assert_eq!(only.authorization.as_deref(), Some("Bearer open-sesame"));
    assert!(!only.key.is_empty());
}

#[test]
fn one_instance_posts_as_often_as_it_likes() {
    let server = Scripted::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (1_000..1_600).map(|line| line.to_string()).collect();
    fs::write(folder.path().join("in.txt"), lines.join("\n")).unwrap();
    // A request a row.
    write(folder.path(), &server.address(), &server.address(), "");
    let path = folder.path().join("pipeline.yaml");
    let manifest = fs::read_to_string(&path).unwrap();
    let manifest = manifest.replace("bearer: TOKEN", "bearer: TOKEN, max_bytes: 20");
    fs::write(path, manifest).unwrap();
    let output = azud(folder.path(), "run").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let bodies: Vec<String> = server.received().into_iter().map(|of| of.body).collect();
    let expected: Vec<String> = (lines.iter())
        .map(|line| format!("{{\"value\":\"{line}\"}}\n"))
        .collect();
    assert_eq!(bodies, expected);
    assert!(!told(&output).contains("instance"), "{}", told(&output));
}

#[test]
fn a_server_that_is_busy_gets_the_same_request_again_under_the_same_key() {
    let busy = Answer {
        status: 503,
        headers: &[("retry-after", "0")],
        body: "",
    };
    let script = [busy.clone(), Answer::status(429), busy];
    let server = Scripted::start(&script);
    let (_folder, output) = run(&server, &server.address(), "");
    assert!(output.status.success(), "{}", told(&output));
    let received = server.received();
    let keys: BTreeSet<_> = received.iter().map(|request| &request.key).collect();
    let bodies: Vec<_> = received
        .iter()
        .map(|request| request.body.as_str())
        .collect();
    assert_eq!(bodies, [LINES; 4]);
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(told(&output).contains("answered 503"), "{}", told(&output));
}

#[test]
fn of_a_partial_failure_some_rows_come_again_and_some_are_rejected() {
    let partial = r#"{"rejected":[{"row":0,"reason":"not an a"}],"retry":[2]}"#;
    let server = Scripted::start(&[Answer::with(207, partial)]);
    let (folder, output) = run(&server, &server.address(), REJECTS);
    assert!(output.status.success(), "{}", told(&output));
    let received = server.received();
    let bodies: Vec<_> = received
        .iter()
        .map(|request| request.body.as_str())
        .collect();
    assert_eq!(bodies, [LINES, "{\"value\":\"c\"}\n"]);
    assert_ne!(received[0].key, received[1].key);
    let rejected = r#"{"position":"1","node":"hook","reason":"not an a","attempt":1}"#;
    assert_eq!(
        rejects(folder.path()),
        BTreeSet::from([rejected.to_owned()])
    );
}

#[test]
fn what_the_server_refuses_is_rejected_or_stops_the_pipeline() {
    let refuses = [Answer::with(422, "no \u{1b}[31mred, open-sesame")];
    let server = Scripted::start(&refuses);
    let (folder, output) = run(&server, &server.address(), REJECTS);
    assert!(output.status.success(), "{}", told(&output));
    let rejected = rejects(folder.path());
    assert_eq!(rejected.len(), 3);
    for line in rejected {
        assert!(line.contains("answered 422"), "{line}");
        assert!(!line.contains("sesame"), "a secret is shown: {line}");
        assert!(!line.contains("\\u001b"), "an escape is shown: {line}");
    }

    let server = Scripted::start(&refuses);
    let (_folder, output) = run(&server, &server.address(), "");
    assert_eq!(output.status.code(), Some(1));
    let told = told(&output);
    assert!(told.contains("node `hook` rejected a row"), "{told}");
    assert!(!told.contains("sesame"), "a secret is shown: {told}");
}

#[test]
fn a_server_that_is_not_granted_is_never_asked() {
    let server = Scripted::start(&[]);
    let (folder, output) = run(&server, "127.0.0.1:1", REJECTS);
    assert!(output.status.success(), "{}", told(&output));
    assert!(server.received().is_empty());
    let address = server.address();
    let line = format!(
        "refused: http {address} is not granted; to allow it, write `grants: {{ http: [\"{address}\"] }}`"
    );
    let told = told(&output);
    assert!(told.contains(&line), "{told}");
    assert_eq!(rejects(folder.path()).len(), 3);
}

/// Thirty megabytes at once would not fit into the plugin's memory.
#[test]
fn wide_rows_are_given_to_the_plugin_in_several_calls() {
    let server = Scripted::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let row = format!("{}\n", "x".repeat(100_000));
    fs::write(folder.path().join("in.txt"), row.repeat(300)).unwrap();
    let output = run_in(folder.path(), &server, &server.address(), "");
    assert!(output.status.success(), "{}", told(&output));
    let received = server.received();
    let lines = received.iter().map(|request| request.body.lines().count());
    assert_eq!(lines.sum::<usize>(), 300);
}

#[test]
fn a_missing_grant_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "127.0.0.1:1", "h:1", REJECTS);
    let manifest = fs::read_to_string(folder.path().join("pipeline.yaml")).unwrap();
    let without = manifest.replace("http: ['h:1'], ", "");
    fs::write(folder.path().join("pipeline.yaml"), without).unwrap();
    fs::write(folder.path().join("in.txt"), "a\n").unwrap();
    let output = azud(folder.path(), "check").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = told(&output);
    let message = "error: the plugin `http_post` sends HTTP requests, and none are granted";
    assert!(told.contains(message), "{told}");
    assert!(told.contains("grants: { http: [\"host:port\"] }"), "{told}");
    // Whoever reads what the sink rejects is not told that there is no such node.
    assert!(told.ends_with("\n1 error\n"), "{told}");
}

#[test]
fn folders_whose_content_is_run_are_not_granted_for_writing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.txt"), "a\n").unwrap();
    fs::create_dir_all(folder.path().join("cache/deep")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    for (granted, why) in [
        (".", "the manifest pipeline.yaml is in it"),
        ("cache/deep", "azud keeps compiled plugins there"),
        (
            "../../../../../../../..",
            "the manifest pipeline.yaml is in it",
        ),
        ("cache", "azud keeps compiled plugins there"),
    ] {
        let grant = format!("h:1'], dirs: {{ {granted}: write }}, tcp: ['h:1");
        write(folder.path(), "127.0.0.1:1", &grant, "");
        let mut check = azud(folder.path(), "check");
        let output = check.env("AZUD_CACHE", folder.path().join("cache"));
        let told = told(&output.output().unwrap());
        let message = format!("`{granted}` cannot be granted for writing: {why}");
        assert!(told.contains(&message), "{told}");
    }
    // Reading does no harm, and what holds none of that may be written to.
    let grant = "h:1'], dirs: { .: read, out: write }, tcp: ['h:1";
    write(folder.path(), "127.0.0.1:1", grant, "");
    let output = azud(folder.path(), "check").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.txt"), "a\nb\nc\n").unwrap();
    write(
        folder.path(),
        &address.to_string(),
        &address.to_string(),
        "",
    );
    let mut child = azud(folder.path(), "run")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    // Only now the server comes.
    let waits = |line: &String| line.contains("trying again in");
    assert!(log.any(|line| waits(&line.unwrap())));
    let listener = TcpListener::bind(address).unwrap();
    let server = tiny_http::Server::from_listener(listener, None).unwrap();
    let mut request = server.recv().unwrap();
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body).unwrap();
    request.respond(tiny_http::Response::empty(204)).unwrap();
    assert_eq!(body, LINES);
    assert!(child.wait().unwrap().success());
}
