//! Examples 11 to 15, and `azud new pipeline --from kafka`, as their READMEs say.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::pipeline::until_or;
use crate::topics::Topics;

/// The examples share topics by their names.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(path)
        .canonicalize()
        .unwrap()
}

fn azud(topics: &Topics, arguments: &[&str]) -> Command {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    azud.args(arguments)
        .env("KAFKA", topics.servers())
        .env("TZ", "UTC");
    azud
}

/// Runs a manifest to its end; gives what it prints.
fn run(topics: &Topics, manifest: &str, variables: &[(&str, &str)]) -> String {
    let manifest = example(manifest);
    let output = azud(topics, &["run", manifest.to_str().unwrap()])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(example(path)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn examples_11_12_and_14_make_filter_and_show_numbers() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let _one = ONE_AT_A_TIME.lock();
    topics.make("numbers", 1);
    run(
        &topics,
        "11-kafka-numbers/pipeline.yaml",
        &[("RATE", "100000")],
    );
    assert_eq!(
        topics.values("numbers"),
        text("11-kafka-numbers/numbers.txt")
    );

    let folder = tempfile::tempdir().unwrap();
    topics.make("above-50", 1);
    let manifest = example("12-kafka-filter/pipeline.yaml");
    let mut filter = azud(&topics, &["run", manifest.to_str().unwrap()])
        .env("STATE", folder.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let expected = text("12-kafka-filter/above-50.txt");
    let seen = || topics.values("above-50");
    until_or(
        || format!("{} numbers", seen().len()),
        || seen().len() >= expected.len(),
    );
    let stopped = Command::new("kill").arg(filter.id().to_string()).status();
    assert!(stopped.unwrap().success());
    assert!(filter.wait().unwrap().success());
    assert_eq!(seen(), expected);

    let shown = run(
        &topics,
        "14-kafka-table/pipeline.yaml",
        &[("TRIGGER", "once")],
    );
    let lines: Vec<&str> = shown.lines().collect();
    let rule = "+----+-------+-------+---------+------+--------------------+-------------+";
    assert_eq!(lines[3], rule);
    assert_eq!(
        lines[4],
        "| key|  value|  topic|partition|offset|           timestamp|timestampType|"
    );
    assert!(
        lines[6].starts_with("|NULL|[33 32]|numbers|        0|     0|"),
        "{shown}"
    );
    assert!(lines[6].ends_with("...|            0|"), "{shown}");
    assert_eq!(lines[27], "only showing top 20 rows");
    assert_eq!(lines.len(), 29);
}

#[test]
fn example_13_counts_the_words_of_a_topic() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let _one = ONE_AT_A_TIME.lock();
    topics.make("lines", 1);
    run(&topics, "13-kafka-word-count/producer.yaml", &[]);
    assert_eq!(
        topics.values("lines"),
        text("13-kafka-word-count/data/lines.txt")
    );

    let manifest = example("13-kafka-word-count/pipeline.yaml");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut count = azud(&topics, &["run", manifest.to_str().unwrap()])
        .stdout(file.reopen().unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let printed = || std::fs::read_to_string(file.path()).unwrap();
    until_or(printed, || printed().contains("('to', 6)"));
    let stopped = Command::new("kill").arg(count.id().to_string()).status();
    assert!(stopped.unwrap().success());
    assert!(count.wait().unwrap().success());
    let rows: Vec<String> = printed()
        .lines()
        .filter(|line| line.starts_with("('"))
        .map(str::to_owned)
        .collect();
    // `pprint` prints ten of the twelve words, in any order; each with what `wc` would count.
    assert_eq!(rows.len(), 10);
    for row in rows {
        let word = row.split('\'').nth(1).unwrap();
        let all = text("13-kafka-word-count/data/lines.txt").join(" ");
        let expected = all.split(' ').filter(|one| *one == word).count();
        assert_eq!(row, format!("('{word}', {expected})"));
    }
}

#[test]
fn example_15_sums_lists_and_counts_what_is_broken() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let _one = ONE_AT_A_TIME.lock();
    topics.make("lists", 1);
    run(&topics, "15-kafka-json-lists/producer.yaml", &[]);
    let shown = run(
        &topics,
        "15-kafka-json-lists/pipeline.yaml",
        &[("TRIGGER", "once")],
    );
    assert!(
        shown.contains("|numbers|total|\n+-------+-----+\n|      6|  150|\n"),
        "{shown}"
    );
    assert!(shown.contains("|broken|\n+------+\n|     3|\n"), "{shown}");
}

#[test]
fn a_pipeline_is_written_by_what_is_in_a_topic() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("looked-at", 2);
    let values = [
        r#"{"user":"ana","amount":2.5,"at":"2026-01-01T00:00:01Z"}"#,
        r#"{"user":"bo","amount":3,"tags":["x"]}"#,
    ];
    topics.give_values("looked-at", 0, &values);
    let folder = tempfile::tempdir().unwrap();
    let new = |topic: &str| {
        azud(
            &topics,
            &[
                "new",
                "pipeline",
                topic,
                "--from",
                "kafka",
                "--servers",
                topics.servers(),
                "--topic",
                topic,
            ],
        )
        .current_dir(folder.path())
        .output()
        .unwrap()
    };
    let made = new("looked-at");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let manifest = folder.path().join("looked-at/pipeline.yaml");
    let written = std::fs::read_to_string(&manifest).unwrap();
    for line in [
        "# Topic `looked-at`: by 2 records of 2 partitions, all of them JSON.",
        "    format: json",
        "      user: string",
        "      amount: double",
        "      at: timestamp",
        "      tags: \"array<string>\"",
        "    keep: [timestamp]",
        "    time: { column: at, delay: 10s }",
    ] {
        assert!(written.lines().any(|one| one == line), "{line}: {written}");
    }
    let tested = azud(&topics, &["test", manifest.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(said.ends_with("1 passed, 0 failed\n"), "{said}");

    let unknown = new("nowhere");
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(said.contains("there is no topic `nowhere`"), "{said}");
    assert!(!folder.path().join("nowhere").exists());
}
