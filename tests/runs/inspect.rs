//! `azud inspect`, exactly as it is shown.

use std::path::Path;
use std::process::Command;

use crate::compiler::component;

/// Runs it in a folder with `name.wasm`: exit code, stdout, stderr.
fn inspect(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .arg("inspect")
        .args(arguments)
        .current_dir(folder)
        .env("AZUD_CACHE", folder.join("cache"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A folder with a guest in it, and what it says of its own file, which every
/// compiler makes anew.
fn folder(source: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let component = component(source);
    let file = folder.path().join(component.file_name().unwrap());
    std::fs::copy(component, &file).unwrap();
    let sum = Command::new("sha256sum").arg(&file).output().unwrap();
    let digest = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let bytes = std::fs::metadata(&file).unwrap().len().to_string();
    (folder, digest, bytes)
}

#[test]
fn a_transform_of_a_stranger() {
    let (folder, digest, bytes) = folder("tests/guests/picky");
    let (code, shown, errors) = inspect(folder.path(), &["picky.wasm"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let expected = format!(
        "\
picky.wasm: {bytes} bytes
sha256 {digest}

it is
  transform 0.1.0: maps batches

it asks for
  azud:plugin/log@0.1.0
      lines in the pipeline's log
  azud:plugin/types@0.1.0
      types: nothing

its input, found by asking
  n  bigint  read

its output
  n     bigint  carried
  part  bigint  computed, never null

for the manifest
plugins:
  picky:
    path: picky.wasm
    sha256: {digest}
"
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_schema_and_a_configuration_that_are_given() {
    let (folder, _, _) = folder("tests/guests/picky");
    let schema = ["picky.wasm", "--schema", "user string, n bigint"];
    let (code, shown, _) = inspect(folder.path(), &schema);
    let expected = "
its input, as --schema says
  user  string  not read
  n     bigint  read

its output
  user  string  carried
  n     bigint  carried
  part  bigint  computed, never null
";
    assert!(code == Some(0) && shown.contains(expected), "{shown}");

    let config = ["picky.wasm", "--config", r#"{"above":50}"#];
    let (code, shown, _) = inspect(folder.path(), &config);
    let expected = "
its input, found by asking
  no column

it cannot be opened on that
  the plugin refuses: config: unknown field `above`";
    assert!(code == Some(0) && shown.contains(expected), "{shown}");
}

#[test]
fn a_sink_of_a_stranger() {
    let (folder, digest, _) = folder("plugins/http-post");
    let config = [
        "http-post.wasm",
        "--config",
        r#"{"url":"http://localhost/"}"#,
    ];
    let (code, shown, _) = inspect(folder.path(), &config);
    assert_eq!(code, Some(0));
    let reaches: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("      "))
        .collect();
    assert_eq!(
        reaches,
        [
            "the servers that `grants: { http }` names",
            "streams and waiting, of the others",
            "random numbers, if `http` or `tcp` is granted; else always the same",
            "the time, if `http` or `tcp` is granted; else clocks stand at zero",
            "fails the call",
            "the variables that `grants: { env, secrets }` names",
            "what it prints goes to the pipeline's log; there is no input",
            "lines in the pipeline's log",
            "types: nothing",
        ]
    );
    let end = format!(
        "
its input, found by asking
  no column
  a sink is given all columns of what it reads

for the manifest
plugins:
  http_post:
    path: http-post.wasm
    sha256: {digest}
    # nothing is granted; take away the `#` of what it may reach, name no more:
    # grants:
    #   http: [\"example.com:443\"]
    #   env: [NAME]
    #   secrets: [TOKEN]
"
    );
    assert!(shown.ends_with(&end), "{shown}");
}

#[test]
fn a_plugin_with_state_of_a_stranger() {
    let (folder, digest, _) = folder("tests/guests/visits");
    let config = ["visits.wasm", "--config", r#"{"ttl":90000}"#];
    let (code, shown, errors) = inspect(folder.path(), &config);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let end = format!(
        "
its input, found by asking
  k   string     read
  x   bigint     read
  ts  timestamp  read

its output
  k     string     computed, never null
  at    timestamp  computed, never null
  rows  bigint     computed, never null
  sum   bigint     computed, never null
  last  string     computed, never null
  seen  string     computed, never null
  `key` of the node names those that are the key

it keeps of a key
  last   list   x bigint not null, for 90s
  sum    value  rows bigint not null, sum bigint not null
  seen   map    remainder bigint not null -> count bigint not null
  fails  value  how bigint not null

its timers
  of event time: rows behind the watermark are late
  of processing time, if it sets any

for the manifest
plugins:
  visits:
    path: visits.wasm
    sha256: {digest}
"
    );
    assert!(shown.ends_with(&end), "{shown}");

    let config = ["visits.wasm", "--json", "--config", r#"{"after_ms":5}"#];
    let (code, shown, _) = inspect(folder.path(), &config);
    assert_eq!(code, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let column = |name: &str, key: bool| serde_json::json!({ "name": name, "type": "bigint", "nullable": false, "key": key });
    let state = |name: &str, kind: &str, columns: &[serde_json::Value]| serde_json::json!({ "name": name, "kind": kind, "columns": columns, "ttl_us": null });
    let expected = serde_json::json!({
        "states": [
            state("last", "list", &[column("x", false)]),
            state("sum", "value", &[column("rows", false), column("sum", false)]),
            state("seen", "map", &[column("remainder", true), column("count", false)]),
            state("fails", "value", &[column("how", false)]),
        ],
        "formers": [],
        "timers": { "event_time": false, "processing_time": true },
        "told_pending_timers": false,
    });
    assert_eq!(shown["keeps"], expected);
}

#[test]
fn json_is_for_programs() {
    let (folder, digest, bytes) = folder("tests/guests/picky");
    let (code, shown, _) = inspect(folder.path(), &["picky.wasm", "--json"]);
    assert_eq!(code, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let log = "lines in the pipeline's log";
    let expected = serde_json::json!({
        "path": "picky.wasm",
        "bytes": bytes.parse::<u64>().unwrap(),
        "sha256": digest,
        "can_run": true,
        "exports": [{ "name": "transform", "version": "0.1.0" }],
        "imports": [
            { "name": "azud:plugin/log@0.1.0", "reach": "log", "in_transform": log, "in_sink": log },
            {
                "name": "azud:plugin/types@0.1.0",
                "reach": "types",
                "in_transform": "types: nothing",
                "in_sink": "types: nothing",
            },
        ],
        "columns": {
            "found_by_asking": true,
            "input": [{ "name": "n", "type": "bigint", "read": true }],
            "output": [
                { "name": "n", "type": "bigint", "nullable": true, "carried": true },
                { "name": "part", "type": "bigint", "nullable": false, "carried": false },
            ],
            "refused": null,
        },
        "keeps": null,
        "manifest": format!(
            "plugins:\n  picky:\n    path: picky.wasm\n    sha256: {digest}\n"
        ),
    });
    assert_eq!(shown, expected);
}

#[test]
fn what_asks_for_something_else_is_shown_and_refused() {
    let (folder, _, _) = folder("tests/guests/hostile");
    let file = folder.path().join("hostile.wasm");
    let mut bytes = std::fs::read(&file).unwrap();
    let name = b"azud:plugin/log@0.1.0";
    let places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name));
    for at in places.collect::<Vec<_>>() {
        bytes[at..at + 4].copy_from_slice(b"evil");
    }
    std::fs::write(&file, bytes).unwrap();
    let (code, shown, errors) = inspect(folder.path(), &["hostile.wasm"]);
    assert_eq!(code, Some(2));
    let end = "
it asks for
  evil:plugin/log@0.1.0
      azud has it not: the plugin cannot be run
  azud:plugin/types@0.1.0
      types: nothing
";
    assert!(shown.ends_with(end), "{shown}");
    assert_eq!(
        errors,
        "error: hostile.wasm needs evil:plugin/log@0.1.0, which azud has not; \
         a plugin may import azud:plugin/log and WASI 0.2\n"
    );
}

#[test]
fn what_is_no_plugin_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("script"), "#!/bin/sh\n").unwrap();
    std::fs::write(path("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(path("other.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    std::fs::write(path("broken.wasm"), b"\0asm\x0d\0\x01\0garbage").unwrap();
    for (arguments, expected) in [
        (
            &["gone.wasm"][..],
            "cannot read the plugin gone.wasm: No such file",
        ),
        (
            &["script"],
            "script is no WebAssembly file; a plugin is a component",
        ),
        (
            &["core.wasm"],
            "core.wasm is a core module, not a component",
        ),
        (
            &["other.wasm"],
            "other.wasm is no azud plugin: it exports nothing",
        ),
        (&["broken.wasm"], "broken.wasm is not a valid component: "),
        (&["script", "--schema", "n"], "--schema: `n` is no column"),
        (&["script", "--config", "{"], "--config is no JSON: EOF"),
    ] {
        let (code, shown, errors) = inspect(folder.path(), arguments);
        assert_eq!((code, shown.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            errors.starts_with(&format!("error: {expected}")),
            "{errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn what_an_aggregate_keeps_and_converts() {
    let (folder, _, _) = folder("tests/guests/hostile-aggregate");
    let (code, shown, errors) = inspect(folder.path(), &["hostile-aggregate.wasm"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for expected in [
        "\n  aggregate 0.1.0: reduces groups\n",
        "\n  aggregate-migration 0.1.0: converts what earlier versions have kept of a group\n",
        "
it keeps of a group
  sum  bigint  never null

it converts what version 0 has kept of a group
  old  bigint  never null

for the manifest
",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    let (code, shown, _) = inspect(folder.path(), &["hostile-aggregate.wasm", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let column =
        |name: &str| serde_json::json!([{ "name": name, "type": "bigint", "nullable": false }]);
    let expected = serde_json::json!({ "state": column("sum"), "formers": [column("old")] });
    assert_eq!((code, &told["keeps"]), (Some(0), &expected));
}
