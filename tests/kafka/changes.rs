//! Topics and partitions that come and go: new ones are read from their beginning, and what is
//! gone is never passed over in silence.

use crate::pipeline::Pipeline;
use crate::topics::Topics;

fn pipeline(topics: &Topics, name: &str, source: &str) -> Pipeline {
    let servers = topics.servers();
    Pipeline::new(&format!(
        "
name: {name}
trigger: 100ms
parallelism: 2
checkpoint: {{ to: ./state }}
sources:
  records:
    kafka: {{ servers: '{servers}', refresh: 500ms, {source} }}
    format: text
sinks:
  out: {{ from: records, file: {{ path: ./out, layout: table }}, format: text }}
"
    ))
}

#[test]
fn partitions_and_topics_that_are_new_are_read_from_their_beginning() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("fresh-a", 1);
    // Latest is of those that were there when the source opened first.
    let source = "pattern: 'fresh-.*', start: latest";
    let pipeline = pipeline(&topics, "fresh", source);
    let run = pipeline.start();
    pipeline.until_said("running");
    std::thread::sleep(std::time::Duration::from_secs(1));
    topics.give_values("fresh-a", 0, &["a0"]);
    pipeline.until_lines("out", 1);
    topics.grow("fresh-a", 3);
    topics.give_values("fresh-a", 2, &["a2"]);
    topics.make("fresh-b", 2);
    topics.give_values("fresh-b", 1, &["b1"]);
    pipeline.until_lines("out", 3);
    run.stop();
    // While nobody looks.
    topics.grow("fresh-b", 4);
    topics.give_values("fresh-b", 3, &["b3"]);
    topics.make("fresh-c", 1);
    topics.give_values("fresh-c", 0, &["c0"]);
    topics.give_values("fresh-a", 0, &["a0-again"]);
    let run = pipeline.start();
    pipeline.until_lines("out", 6);
    run.stop();
    let expected = ["a0", "a0-again", "a2", "b1", "b3", "c0"];
    assert_eq!(pipeline.lines("out"), expected);
}

const GO_ON: &str =
    "; to go on with the first record that is there, write `fail_on_data_loss: false`";

/// Refused with that reason; and gone on from there where that is allowed.
fn lost(pipeline: &Pipeline, why: &str, expected: &[&str]) {
    let refused = pipeline.refused();
    assert!(refused.contains(&format!("{why}{GO_ON}")), "{refused}");
    let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
    let allowed = "refresh: 500ms, fail_on_data_loss: false";
    pipeline.write(&manifest.replace("refresh: 500ms", allowed));
    let run = pipeline.start();
    pipeline.until_lines("out", expected.len());
    run.stop();
    assert_eq!(pipeline.lines("out"), expected);
    assert!(pipeline.log().contains(why), "{}", pipeline.log());
}

#[test]
fn records_that_have_expired_are_missed() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("expired", 2);
    let pipeline = pipeline(&topics, "expired", "topics: expired");
    topics.give_values("expired", 1, &["a", "b", "c"]);
    let run = pipeline.start();
    pipeline.until_lines("out", 3);
    run.stop();
    topics.give_values("expired", 1, &["d", "e", "f", "g"]);
    topics.expire("expired", 1, 5);
    let why = "`expired-1` begins at offset 5 now: 2 offsets from 3 on, which were not read, have \
               expired or were deleted";
    lost(&pipeline, why, &["a", "b", "c", "f", "g"]);
}

#[test]
fn a_topic_that_was_made_again_is_another_one_however_many_records_it_has() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for (name, new) in [
        ("again-less", vec!["x"]),
        ("again-more", vec!["v", "w", "x", "y"]),
    ] {
        topics.make(name, 1);
        topics.give_values(name, 0, &["a", "b", "c"]);
        let pipeline = pipeline(&topics, name, &format!("topics: {name}"));
        let run = pipeline.start();
        pipeline.until_lines("out", 3);
        run.stop();
        topics.delete(name);
        topics.make(name, 1);
        topics.give_values(name, 0, &new);
        let why = format!(
            "topic `{name}` was deleted and made again: offset 3 of `{name}-0`, where this source \
             goes on, is another record now"
        );
        let all = [["a", "b", "c"].as_slice(), &new].concat();
        lost(&pipeline, &why, &all);
    }
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_stops_the_pipeline_and_names_itself() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for name in ["gone", "stays"] {
        topics.make(name, 1);
        topics.give_values(name, 0, &[name]);
    }
    let pipeline = pipeline(&topics, "goes", "topics: [gone, stays]");
    let run = pipeline.start();
    pipeline.until_lines("out", 2);
    topics.delete("gone");
    assert!(!run.wait().success());
    let log = pipeline.log();
    let why = "topic `gone` was deleted while it was read";
    assert!(log.contains(&format!("{why}{GO_ON}")), "{log}");
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_is_gone_on_without_where_that_is_allowed() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    for name in ["leaves", "remains"] {
        topics.make(name, 1);
        topics.give_values(name, 0, &[name]);
    }
    let source = "topics: [leaves, remains], fail_on_data_loss: false";
    let pipeline = pipeline(&topics, "without", source);
    let mut run = pipeline.start();
    pipeline.until_lines("out", 2);
    topics.delete("leaves");
    pipeline.until_said("topic `leaves` was deleted while it was read");
    topics.give_values("remains", 0, &["more"]);
    pipeline.until_lines("out", 3);
    assert!(run.is_running(), "{}", pipeline.log());
    topics.make("leaves", 1);
    topics.give_values("leaves", 0, &["back"]);
    pipeline.until_lines("out", 4);
    run.stop();
    assert_eq!(pipeline.lines("out"), ["back", "leaves", "more", "remains"]);
}
