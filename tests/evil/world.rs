//! What a plugin sees of the machine that was not granted: nothing.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Case;

/// The one thing that the guest saw.
fn seen(case: Case) -> String {
    let ended = case.run();
    ended.assert_code(0);
    let saw = ended.saw();
    assert!(!saw.is_empty(), "{}", ended.stderr);
    saw[0].to_owned()
}

/// What a transform, a sink, a plugin with state and an aggregate see.
fn everywhere(how: &str) -> [String; 4] {
    let cases = [
        Case::transform(how),
        Case::sink("write", how),
        Case::keyed("process", how),
        Case::aggregate("update", how),
    ];
    cases.map(seen)
}

#[test]
fn there_is_no_environment() {
    assert_eq!(everywhere("see-environment"), ["[] []"; 4]);
}

#[test]
fn clocks_stand_at_zero() {
    assert_eq!(everywhere("see-clocks"), ["0 0"; 4]);
}

#[test]
fn randomness_is_the_same_each_time() {
    assert_eq!(everywhere("see-randomness"), everywhere("see-randomness"));
}

/// Who talks to others needs the time, for timeouts and certificates.
#[test]
fn with_a_server_granted_time_passes() {
    let case =
        Case::sink("write", "see-whether-time-passes").grants("http: ['localhost:9'], tcp: []");
    assert_eq!(seen(case), "true");
}

#[test]
fn there_are_no_files() {
    for saw in everywhere("see-files") {
        assert!(!saw.contains("ESCAPED"), "{saw}");
        assert!(saw.ends_with(" 0"), "{saw}");
    }
    assert!(!std::path::Path::new("/tmp/evil.txt").exists());
}

#[test]
fn a_granted_folder_has_no_way_out() {
    let case = Case::sink("write", "see-around").with_folder().to("taken");
    let at = |name: &str| case.folder.path().join(name);
    fs::write(at("secret.txt"), "secret").unwrap();
    fs::write(at("taken/own.txt"), "own").unwrap();
    fs::create_dir(at("taken/a")).unwrap();
    symlink("..", at("taken/out")).unwrap();
    symlink("../secret.txt", at("taken/link.txt")).unwrap();
    let ended = case.run();
    ended.assert_code(0);
    let saw = ended.saw()[0];
    assert!(!saw.contains("ESCAPED"), "{saw}");
    assert!(!ended.folder.path().join("new.txt").exists());
    assert_eq!(
        fs::read_to_string(ended.folder.path().join("taken/own.txt")).unwrap(),
        "own"
    );
}

#[test]
fn a_folder_for_reading_is_not_written_to() {
    let case = Case::sink("write", "see-around")
        .grants("http: [], tcp: [], dirs: { kept: read }")
        .to("kept");
    let kept = case.folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("own.txt"), "own").unwrap();
    let ended = case.run();
    ended.assert_code(0);
    assert!(!ended.saw()[0].contains("ESCAPED"), "{}", ended.stderr);
    assert_eq!(
        fs::read_dir(ended.folder.path().join("kept"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_transform_gets_no_grants() {
    let case = Case::sink("write", "see-environment").grants("env: [HOME], http: [], tcp: []");
    let saw = seen(case.variable("HOME", "/home/of/a/test"));
    assert_eq!(saw, "[(\"HOME\", \"/home/of/a/test\")] []");
}

#[test]
fn a_secret_is_in_no_line_and_no_reason() {
    let secret = "s3cret-of-the-test";
    for how in ["see-secret", "see-secret-in-a-panic"] {
        let case = Case::sink("write", how).grants("secrets: [TOKEN], http: [], tcp: []");
        let ended = case.variable("TOKEN", secret).run();
        ended.assert_code(0);
        let reasons = format!("{:?}", ended.rejected());
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        assert!(ended.stderr.contains("***"), "{}", ended.stderr);
        assert!(!reasons.contains("s3cret"), "{reasons}");
    }
}

#[test]
fn a_secret_of_several_lines_is_in_none_of_them() {
    let secret = "-----BEGIN-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END-----";
    let case = Case::sink("write", "see-secret").grants("secrets: [TOKEN], http: [], tcp: []");
    let ended = case.variable("TOKEN", secret).run();
    ended.assert_code(0);
    assert!(
        !ended.stderr.contains("MIIE") && !ended.stderr.contains("BAQEF"),
        "{}",
        ended.stderr
    );
}
