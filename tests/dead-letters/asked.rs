//! What a command is told that comes too early, twice, or with a name that is wrong.

use std::collections::BTreeSet;

use crate::components::good;
use crate::poison::{MANIFEST, assert_once, counts, folder, json, letters, spread, wait_for_rows};

/// A replay waits for a pipeline that starts, as a reload does.
#[test]
fn a_pipeline_that_is_about_to_begin_is_waited_for() {
    let poison = spread(5, 300);
    let folder = folder(MANIFEST, 300, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 5);
    wait_for_rows(&folder, "out", 295);
    pipeline.drain();
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    // Its endpoint is there first of all.
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    assert_eq!(json(&asked)["rows"], 5, "{}", asked.text);
    pipeline.drain();
    assert_once(&folder, 300, &poison, "v1");
}

/// Nobody listens at port 1: the new sink cannot be opened, and the checkpoint is not come to.
#[test]
fn one_that_does_not_begin_is_waited_for_no_longer_than_it_takes() {
    let poison = spread(2, 100);
    let folder = folder(MANIFEST, 100, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 2);
    wait_for_rows(&folder, "out", 98);
    pipeline.drain();
    let far = "sinks:\n  far: { from: evil, kafka: { servers: '127.0.0.1:1', topic: t }, format: json }\n";
    folder.write(
        "pipeline.yaml",
        MANIFEST.replace("sinks:\n", far).as_bytes(),
    );
    let pipeline = folder.run(&[], &[]);
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    let why = "error: the pipeline starts, and has not come to its checkpoint yet: nothing is kept; \
               ask again when it is ready (`azud status`)\n";
    assert_eq!(asked.text, why);
    assert_eq!(counts(&folder), (2, 0));
}

/// The first request is kept, and not delivered: the epoch that is to take it does not end.
#[test]
fn what_was_asked_for_and_not_delivered_is_told_apart() {
    let manifest = MANIFEST.replace("trigger: continuous", "trigger: 1h");
    let poison = spread(4, 200);
    let folder = folder(
        &MANIFEST.replace("./state, every: 200ms", "./state"),
        200,
        &poison,
    );
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 4);
    wait_for_rows(&folder, "out", 196);
    pipeline.drain();
    folder.write("first.wasm", &good(1));
    folder.write(
        "pipeline.yaml",
        manifest
            .replace("./state, every: 200ms", "./state")
            .as_bytes(),
    );
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let first = {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
        command
            .args(["dead-letters", "replay"])
            .arg(folder.path("pipeline.yaml"));
        command
            .args(["--at", &address])
            .stdout(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    // Before that, the second may be the one that is.
    let kept = folder.path("state/replays");
    let began = std::time::Instant::now();
    while !kept.read_dir().is_ok_and(|mut of| of.next().is_some()) {
        assert!(began.elapsed() < crate::poison::PATIENCE, "nothing is kept");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let again = loop {
        let again = letters(&folder, "replay", &["--at", &address]);
        if !again.text.contains("another replay is being kept") {
            break again;
        }
        assert!(began.elapsed() < crate::poison::PATIENCE, "{}", again.text);
    };
    assert_eq!(again.code, Some(0), "{}", again.text);
    let told = "0 replayed\n4 left out: they were asked for before, and are on their way: the epoch \
                that takes them is not committed yet\n";
    assert_eq!(again.text, told);
    let again = json(&letters(&folder, "replay", &["--json", "--at", &address]));
    assert_eq!(
        (&again["left_out"], &again["pending"]),
        (&4.into(), &4.into())
    );
    assert_eq!(counts(&folder), (4, 0));
    // The drain delivers them.
    pipeline.drain();
    let output = first.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("4 replayed"), "{text}");
    assert_eq!(counts(&folder), (4, 4));
    let pipeline = folder.run(&[], &[]);
    let again = letters(&folder, "replay", &["--at", &pipeline.address()]);
    let told = "0 replayed\n4 left out: they were replayed before, and --again replays them once \
                more\n";
    assert_eq!(again.text, told);
    pipeline.drain();
    assert_once(&folder, 200, &poison, "v1");
}

#[test]
fn a_node_that_is_not_there_is_refused_with_those_that_are() {
    let poison = spread(2, 100);
    let folder = folder(MANIFEST, 100, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 2);
    wait_for_rows(&folder, "out", 98);
    pipeline.drain();
    let refused = "error: no node `evli`, and no dead letter of one: there are `numbers`, `evil`, \
                   `out`, `rejects`\n";
    for (verb, more) in [
        ("ls", &[][..]),
        ("ls", &["--json"]),
        ("show", &[]),
        ("show", &["--json"]),
        ("replay", &["--dry-run"]),
        ("replay", &["--at", "127.0.0.1:1"]),
    ] {
        let asked = letters(&folder, verb, &[&["--node", "evli"][..], more].concat());
        assert_eq!(asked.code, Some(2), "{verb}: {}", asked.text);
        assert_eq!(asked.text, refused, "{verb}");
    }
    // One that has rejected nothing.
    for verb in ["ls", "show"] {
        let asked = letters(&folder, verb, &["--node", "numbers"]);
        assert_eq!(
            (asked.code, asked.text.as_str()),
            (Some(0), "no dead letters\n")
        );
    }
    // One that has gone, and has left some.
    let other = MANIFEST.replace("evil: { from", "other: { from");
    folder.write(
        "pipeline.yaml",
        other.replace("from: evil", "from: other").as_bytes(),
    );
    let groups = json(&letters(&folder, "ls", &["--json", "--node", "evil"]));
    assert_eq!(groups[0]["count"], 2, "{groups}");
    let asked = letters(&folder, "ls", &["--node", "evli"]);
    let refused = "error: no node `evli`, and no dead letter of one: there are `numbers`, `other`, \
                   `out`, `rejects`, and dead letters of `evil`\n";
    assert_eq!((asked.code, asked.text.as_str()), (Some(2), refused));
}

/// The default address is everybody's: dead letters go to the pipeline that they are of.
#[test]
fn another_pipeline_takes_none_of_them() {
    let poison = spread(3, 100);
    let mine = folder(MANIFEST, 100, &poison);
    let pipeline = mine.run(&[], &[]);
    wait_for_rows(&mine, "rejects", 3);
    wait_for_rows(&mine, "out", 97);
    pipeline.drain();
    let manifest = MANIFEST.replacen("name: ", "name: other-", 1);
    let other = folder(&manifest, 100, &BTreeSet::new());
    other.write("first.wasm", &good(1));
    let pipeline = other.run(&[], &[]);
    wait_for_rows(&other, "out", 100);
    let asked = letters(&mine, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("is the pipeline `other-"),
        "{}",
        asked.text
    );
    pipeline.drain();
    assert_eq!(counts(&mine), (3, 0));
}
