//! Which format the log has, and that all of it has it.

use std::fs;

use serde_json::json;

use crate::components::{bad, good};
use crate::lines::{azud, folder, objects, run};

/// Nobody looks at a terminal here: stderr is a pipe.
#[test]
fn the_log_is_json_where_stderr_is_no_terminal() {
    let ended = run(folder(&good(1)), None, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = objects(&ended.stderr);
    let last = json!({
        "level": "INFO",
        "message": "logs has ended: 1 epoch, 40 records",
        "pipeline": "logs",
    });
    assert_eq!(lines.last().unwrap(), last.as_object().unwrap());
    assert!(
        lines.iter().all(|line| line["pipeline"] == "logs"),
        "{lines:?}"
    );
}

#[test]
fn a_flag_counts_before_the_environment() {
    let last = " INFO logs has ended: 1 epoch, 40 records\n";
    let ended = run(folder(&good(1)), Some("text"), &[]);
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
    let ended = run(folder(&good(1)), Some("json"), &["--log-format", "text"]);
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
    let ended = run(folder(&good(1)), Some("text"), &["--log-format", "json"]);
    assert!(!objects(&ended.stderr).is_empty());
    let ended = run(folder(&good(1)), Some("yaml"), &[]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: AZUD_LOG_FORMAT is `yaml`, which is no format of the log: write `text` or `json`\n"
    );
}

/// Why a run has failed is its last line, whatever it is.
#[test]
fn why_a_run_has_failed_is_a_line_of_its_log() {
    let ended = run(folder(&bad("process", "fails")), None, &[]);
    assert_eq!(ended.code, Some(1));
    let lines = objects(&ended.stderr);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["level"], &last["exit_code"]),
        (&json!("ERROR"), &json!(1))
    );
    let message = last["message"].as_str().unwrap();
    let begins = "node `evil` rejected a row (source `numbers`, ";
    assert!(message.starts_with(begins), "{message}");

    let broken = folder(&good(1));
    let manifest = broken.path().join("pipeline.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("from: numbers", "from: number")).unwrap();
    let ended = run(broken, None, &[]);
    assert_eq!(ended.code, Some(2));
    let lines = objects(&ended.stderr);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.contains("no node `number`"), "{message}");
    assert!(message.ends_with("\n1 error"), "{message}");
    // Of other commands it is the answer, as people read it.
    let checked = azud(ended.folder.path(), None)
        .args(["check", "pipeline.yaml"])
        .output()
        .unwrap();
    let told = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(told, format!("error: {message}\n"));
}

/// Of what is named in a message, too.
#[test]
fn an_error_hides_nothing_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[2J\u{200b}.yaml";
    let checked = azud(folder.path(), None)
        .args(["check", name])
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(told.contains("a\\u{1b}[2J\\u{200b}.yaml"), "{told:?}");
    assert!(!told.contains(['\u{1b}', '\u{200b}']), "{told:?}");
}
