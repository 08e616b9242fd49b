//! What a plugin says: lines of the log, reasons, errors. None of it may be long, move
//! the cursor, or look like a line of somebody else's.

use std::fs;

use serde_json::Value;

use crate::support::{Case, component};

/// A case of each kind that does so.
fn everywhere(how: &str) -> [Case; 4] {
    [
        Case::transform(how),
        Case::sink("write", how),
        Case::keyed("process", how),
        Case::aggregate("update", how),
    ]
}

#[test]
fn reasons_are_escaped_and_cut() {
    let ended = Case::transform("fails").run();
    ended.assert_one_rejected("the plugin failed: bad luck\\n\\u{1b}[31m\\u{202e}");
    let ended = Case::transform("rejects-with-controls").run();
    let one = "one\\n\\u{1b}[31mtwo\\u{202e}";
    let reasons = ended.rejected();
    assert!(reasons[0].1.starts_with(&one.repeat(20)), "{reasons:?}");
    assert!(reasons[0].1.len() <= 1024);
    for how in ["fails-at-length", "rejects-at-length"] {
        let ended = Case::transform(how).run();
        ended.assert_code(0);
        let reasons = ended.rejected();
        assert_eq!(reasons.len(), 1);
        assert!(
            reasons[0].1.len() <= 1024 + 20,
            "{how}: {}",
            reasons[0].1.len()
        );
    }
    let ended = Case::sink("write", "fails").run();
    ended.assert_all_rejected("never\\n\\u{1b}[31m");
    Case::sink("write", "fails-at-length")
        .run()
        .assert_all_rejected(&"x".repeat(1024));
}

#[test]
fn a_refusal_is_escaped_and_cut() {
    let ended = Case::opening("refuses").memory(64).run();
    ended.assert_told(2, "the plugin refuses: no\\n\\u{1b}[31m!!!");
    assert!(ended.stderr.len() < 2_000, "{}", ended.stderr.len());
}

#[test]
fn a_panic_is_told_in_one_line() {
    let ended = Case::transform("panics").run();
    ended.assert_code(0);
    let reason = &ended.rejected()[0].1;
    assert!(
        reason.starts_with("the plugin trapped: wasm `unreachable` instruction executed"),
        "{reason}"
    );
    let [_, sink, keyed, aggregate] = everywhere("panics");
    for ended in [ended, sink.run(), keyed.run(), aggregate.run()] {
        let reason = &ended.rejected()[0].1;
        assert!(reason.contains("panicked at src/harm.rs:"), "{reason}");
        assert!(reason.contains(" a word"), "{reason}");
        assert!(!reason.contains("RUST_BACKTRACE"), "{reason}");
    }
}

/// A message without a line's end is often the last one, and says why.
#[test]
fn a_line_without_an_end_is_told_when_its_instance_goes() {
    for case in everywhere("stops-in-a-line") {
        let kind = case.kind;
        let ended = case.run();
        let reason = &ended.rejected()[0].1;
        assert!(reason.contains("why it\\u{1b}[31m ends"), "{reason}");
        let line = " WARN evil: why it\\u{1b}[31m ends";
        let told = ended.stderr.lines().filter(|told| *told == line);
        assert!(told.count() > 0, "{kind:?}: {}", ended.stderr);
    }
    for case in everywhere("prints-half") {
        let kind = case.kind;
        let ended = case.run();
        ended.assert_code(0);
        assert_eq!(ended.rejected(), []);
        let halves = ended.stderr.lines().filter_map(|line| {
            let line = line.strip_prefix(" WARN evil: ")?;
            line.replace("half a line", "").is_empty().then_some(line)
        });
        assert!(halves.count() > 0, "{kind:?}: {}", ended.stderr);
    }
}

#[test]
fn floods_are_counted_not_written() {
    for how in ["logs-lines", "prints-lines"] {
        for case in everywhere(how) {
            let ended = case.limits("deadline: 500ms, log_rate: 10").run();
            ended.assert_code(0);
            let lines = ended
                .stderr
                .lines()
                .filter(|line| line.contains("a line of many"));
            let lines = lines.count();
            // Ten a second, in the few seconds that it takes.
            assert!(
                (10..=100).contains(&lines),
                "{how}: {lines}\n{}",
                ended.stderr
            );
            assert!(
                ended
                    .stderr
                    .contains("lines left out: at most 10 a second (limits: log_rate)"),
                "{}",
                ended.stderr
            );
        }
    }
}

#[test]
fn long_lines_are_cut() {
    for how in ["logs-a-long-line", "prints-no-end"] {
        for case in everywhere(how) {
            let ended = case.limits("deadline: 1s").run();
            ended.assert_code(0);
            assert_eq!(ended.rejected(), []);
            let longest = ended.stderr.lines().map(str::len).max();
            assert!(
                longest.is_some_and(|length| length < 4_200),
                "{how}: {longest:?}"
            );
        }
    }
    let output = "the plugin returned more than 8 MiB for a batch (limits: output)";
    let ended = Case::sink("write", "logs-too-much")
        .memory(64)
        .limits("deadline: 1s")
        .run();
    ended.assert_all_rejected(output);
}

/// That there are none is checked for every case.
#[test]
fn control_characters_are_shown() {
    for case in everywhere("logs-controls") {
        let ended = case.run();
        ended.assert_code(0);
        let line = "one\\n INFO two\\r\\u{1b}[2J\\u{7}\\u{9b}31m\\u{202e}three\\u{2028}\\u{0}\n";
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("four\\u{1b}]0;title\\u{7}\n"),
            "{}",
            ended.stderr
        );
    }
}

/// In JSON, a plugin's lines say whose they are, whatever it is.
#[test]
fn lines_have_their_pipeline_node_and_version() {
    let digest = azud_sandbox::digest(&fs::read(component()).unwrap());
    for case in everywhere("logs-controls") {
        let ended = case.variable("AZUD_LOG_FORMAT", "json").run();
        ended.assert_code(0);
        let lines = ended.stderr.lines();
        let lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of_node: Vec<_> = lines.iter().filter(|line| line["node"] == "evil").collect();
        // Three with each call that harms.
        assert!(
            !of_node.is_empty() && of_node.len().is_multiple_of(3),
            "{lines:#?}"
        );
        for line in of_node {
            assert_eq!(line["pipeline"], "evil", "{line}");
            assert_eq!(line["version"], digest[..12], "{line}");
        }
        let first = lines.iter().find(|line| line["node"] == "evil").unwrap();
        assert_eq!(
            first["message"],
            "one\\n INFO two\\r\\u{1b}[2J\\u{7}\\u{9b}31m\\u{202e}three\\u{2028}\\u{0}"
        );
    }
}
