//! What a checkpoint keeps of a plugin with state, as `azud state` shows and exports it.

use std::path::Path;
use std::process::Command;

use crate::compiler::component;

fn azud(folder: &Path, arguments: &[&str]) -> String {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = azud.args(arguments).current_dir(folder).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Two rows of a key, so late that their timer is beyond any calendar.
fn ran() -> tempfile::TempDir {
    let manifest = format!(
        r#"
name: far
trigger: once
at_end: keep
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./rows.json }}
    format: json
    schema: {{ k: string, x: bigint, ts: timestamp }}
    time: {{ column: ts }}
transforms:
  visits: {{ from: rows, plugin: visits, key: [k] }}
sinks:
  out: {{ from: visits, blackhole: {{}} }}
plugins:
  visits: {{ path: "{}" }}
"#,
        component("tests/guests/visits").display()
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pipeline.yaml"), manifest).unwrap();
    let row = |x: i64| format!(r#"{{"k":"a","x":{x},"ts":9200000000000000}}"#);
    let rows = format!("{}\n{}\n", row(1), row(12));
    std::fs::write(folder.path().join("rows.json"), rows).unwrap();
    azud(folder.path(), &["run", "pipeline.yaml"]);
    folder
}

/// The order of keys and entries in a file is nobody's business.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

#[test]
fn rows_have_readable_names_and_far_timers_a_number() {
    let folder = ran();
    let shown = azud(folder.path(), &["state", "show", "pipeline.yaml", "visits"]);
    assert_eq!(
        sorted(&shown),
        [
            "",
            "a _timers event time 9200000000001000000 us NULL NULL NULL NULL",
            "a last 0 NULL {x: 1} NULL NULL NULL",
            "a last 1 NULL {x: 12} NULL NULL NULL",
            "a seen {remainder: 1} NULL NULL NULL {remainder: 1, count: 1} NULL",
            "a seen {remainder: 2} NULL NULL NULL {remainder: 2, count: 1} NULL",
            "a sum NULL NULL NULL {rows: 2, sum: 13} NULL NULL",
            "k _state _row _time last sum seen fails",
            "visits: states of a plugin by k: list last(x bigint not null); value sum(rows bigint \
             not null, sum bigint not null); map seen(remainder bigint not null, count bigint not \
             null) by 1; value fails(how bigint not null)",
        ],
        "{shown}"
    );
    let show = ["state", "show", "pipeline.yaml", "visits", "--json"];
    assert_eq!(
        sorted(&azud(folder.path(), &show)),
        [
            r#"{"k":"a","_state":"_timers","_row":"event time","_time":"+293506-05-25T11:33:21Z"}"#,
            r#"{"k":"a","_state":"last","_row":"0","last":{"x":1}}"#,
            r#"{"k":"a","_state":"last","_row":"1","last":{"x":12}}"#,
            r#"{"k":"a","_state":"seen","_row":"{remainder: 1}","seen":{"remainder":1,"count":1}}"#,
            r#"{"k":"a","_state":"seen","_row":"{remainder: 2}","seen":{"remainder":2,"count":1}}"#,
            r#"{"k":"a","_state":"sum","sum":{"rows":2,"sum":13}}"#,
        ]
    );
}

#[test]
fn what_is_nested_is_json_in_a_csv() {
    let folder = ran();
    let export = |file: &str| {
        let told = azud(
            folder.path(),
            &["state", "export", "pipeline.yaml", "visits", "--to", file],
        );
        assert_eq!(told, format!("6 rows of `visits` in {file}\n"));
        std::fs::read(folder.path().join(file)).unwrap()
    };
    let csv = String::from_utf8(export("visits.csv")).unwrap();
    assert_eq!(
        sorted(&csv),
        [
            "a,_timers,event time,+293506-05-25T11:33:21Z,,,,",
            r#"a,last,0,,"{""x"":1}",,,"#,
            r#"a,last,1,,"{""x"":12}",,,"#,
            r#"a,seen,{remainder: 1},,,,"{""remainder"":1,""count"":1}","#,
            r#"a,seen,{remainder: 2},,,,"{""remainder"":2,""count"":1}","#,
            r#"a,sum,,,,"{""rows"":2,""sum"":13}",,"#,
            "k,_state,_row,_time,last,sum,seen,fails",
        ]
    );
    let show = ["state", "show", "pipeline.yaml", "visits", "--json"];
    let json = String::from_utf8(export("visits.json")).unwrap();
    assert_eq!(json, azud(folder.path(), &show));
    assert!(export("visits.parquet").starts_with(b"PAR1"));
}
