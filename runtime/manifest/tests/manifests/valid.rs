//! What manifests mean.

use std::{fs, path::Path};

use azud_manifest::{Manifest, Mode, OnError, PluginFile, StateScope, Step, Trigger};
use serde_json::json;

use crate::connectors::parse;

fn read(name: &str) -> Manifest {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/valid")
        .join(name);
    match parse(name, &fs::read_to_string(path).unwrap()) {
        Ok(manifest) => manifest,
        Err(report) => panic!("{report}"),
    }
}

#[test]
fn word_count() {
    let manifest = read("word-count.yaml");
    assert_eq!(manifest.name.value, "word-count");
    assert_eq!(
        manifest.trigger.value,
        Trigger::Every("5s".parse().unwrap())
    );
    assert_eq!(manifest.parallelism.unwrap().get(), 2);
    let lines = &manifest.sources["lines"];
    assert_eq!(lines.connector.name.value, "socket");
    assert_eq!(
        lines.connector.options,
        json!({ "connect": "127.0.0.1:9999" })
    );
    assert_eq!(lines.on_error, OnError::Stop);
    let words = &manifest.transforms["words"];
    assert!(matches!(words.step(), Step::Plugin(name) if name.value == "split_words"));
    assert_eq!(
        words.config.as_ref().unwrap().value,
        json!({ "separator": " " })
    );
    let counts = &manifest.transforms["counts"];
    assert!(matches!(counts.step(), Step::Sql(sql) if sql.starts_with("SELECT word")));
    assert_eq!(counts.state.as_ref().unwrap().value, StateScope::Batch);
    let screen = &manifest.sinks["screen"];
    assert_eq!(screen.mode(), Mode::Complete);
    assert_eq!(screen.connector.options, json!({}));
    let plugin = &manifest.plugins["split_words"];
    assert!(matches!(plugin.file(), PluginFile::Source(path) if path.value == "../split-words"));
    assert_eq!(plugin.limits.memory.unwrap().as_bytes(), 64 << 20);
}

#[test]
fn orders() {
    let manifest = read("orders.yaml");
    assert_eq!(manifest.trigger.value, Trigger::Continuous);
    assert_eq!(
        manifest.sources.keys().collect::<Vec<_>>(),
        ["raw", "table"]
    );
    assert_eq!(
        manifest.sinks.keys().collect::<Vec<_>>(),
        ["out", "console", "rejects"]
    );
    let raw = &manifest.sources["raw"];
    let columns: Vec<_> = raw
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.column_type))
        .collect();
    assert_eq!(
        columns,
        [
            "user string",
            "amount bigint",
            "ts timestamp(us)",
            "tags array<struct<a:int,b:map<string,double>>>"
        ]
    );
    assert_eq!(raw.keep[0].value, "path");
    assert_eq!(raw.on_error, OnError::Drop);
    // `no` and `on` are strings in YAML 1.2.
    assert_eq!(manifest.sources["table"].columns[1].name, "on");
    assert_eq!(manifest.transforms["big"].from.len(), 2);
    // No options are empty options.
    assert_eq!(manifest.sinks["console"].connector.options, json!({}));
    assert!(manifest.sinks["rejects"].from.is_empty());
}

#[test]
fn a_variable_has_the_type_that_is_wanted() {
    let manifest = read("variables.yaml");
    assert_eq!(manifest.name.value, "p12345");
    assert_eq!(manifest.trigger.value, Trigger::Once);
    assert_eq!(manifest.parallelism.unwrap().get(), 4);
    let options = &manifest.sources["lines"].connector.options;
    assert_eq!(
        options,
        &json!({ "path": "12345", "max_files": 4, "settle": "20ms" })
    );
    assert_eq!(
        manifest.sinks["out"].connector.options,
        json!({ "truncate": false })
    );
    let config = &manifest.transforms["t"].config.as_ref().unwrap().value;
    assert_eq!(config, &json!({ "a": "4", "b": "${LANES}", "c": "^x$" }));
}

#[test]
fn a_place_in_a_query_is_a_place_in_the_file() {
    let manifest = read("orders.yaml");
    let Step::Sql(sql) = manifest.transforms["sums"].step() else {
        panic!("a query")
    };
    let at = sql.find("total").unwrap();
    let span = manifest.span_inside(sql, at, at + "total".len());
    let error = manifest.diagnostic(span, "no such thing", Some("write another".into()));
    assert_eq!(error.line_and_column(), (18, 35));
    assert_eq!(&manifest.text()[span.start..span.end], "total");
    assert_eq!(
        error.to_string(),
        "error: no such thing
  --> orders.yaml:18:35
   |
18 |       SELECT user, sum(amount) AS total
   |                                   ^^^^^
   |
   = help: write another"
    );
}

#[test]
fn an_option_has_a_place() {
    let manifest = read("orders.yaml");
    let connector = &manifest.sources["raw"].connector;
    let text = |span: azud_manifest::Span| &manifest.text()[span.start..span.end];
    assert_eq!(text(connector.option_span("path")), "./in");
    assert_eq!(text(connector.option_span("missing")), "file");
}

#[test]
fn tests_are_read_with_their_places() {
    let manifest = read("tests.yaml");
    let [one, epochs, steps] = manifest.tests.as_slice() else {
        panic!("three tests")
    };
    assert_eq!(one.name.value, "counts lines");
    assert_eq!(one.mode, None);
    let rows = |rows: &azud_manifest::TestRows| -> Vec<serde_json::Value> {
        rows.rows
            .iter()
            .map(|row| row.value.value.clone())
            .collect()
    };
    assert_eq!(rows(&one.input[0].rows["lines"]), ["to be", "to be", "5"]);
    let more = &one.input[0].rows["more"];
    assert_eq!(
        rows(more),
        [json!({ "a": 1, "b": null }), json!("{\"a\": 2}")]
    );
    let text = |span: azud_manifest::Span| &manifest.text()[span.start..span.end];
    assert_eq!(text(more.node.span), "more");
    assert_eq!(text(more.rows[0].column_span("b")), "b");
    assert_eq!(text(more.rows[0].column_span("missing")), "{ a: 1, b: ~ }");
    assert!(rows(&one.expect["lines.rejected"]).is_empty());

    assert_eq!(epochs.mode.as_ref().unwrap().value, Mode::Update);
    let lines: Vec<_> = epochs
        .input
        .iter()
        .map(|step| step.rows.get("lines").map(rows).unwrap_or_default())
        .collect();
    assert_eq!(
        lines,
        [vec![json!("a")], vec![], vec![json!("a"), json!("b\nc\n")]]
    );
    assert_eq!(
        rows(&epochs.expect["screen"]),
        [json!({ "value": "a", "count": 1.5, "nested": [{ "x": ".nan" }] })]
    );

    let [first, second, third] = steps.input.as_slice() else {
        panic!("three steps")
    };
    assert!(first.restart.is_none() && first.advance.is_none() && steps.expect.is_empty());
    assert_eq!(
        rows(&first.expect["counts"]),
        [json!({ "value": "a", "count": 1 })]
    );
    assert_eq!(text(second.restart.unwrap()), "restart");
    let advance = second.advance.as_ref().unwrap();
    assert_eq!(
        (advance.value.to_string().as_str(), text(advance.span)),
        ("10s", "10s")
    );
    assert_eq!(second.rows.keys().collect::<Vec<_>>(), ["lines"]);
    assert!(third.restart.is_none() && third.rows.is_empty() && third.expect.is_empty());
}
