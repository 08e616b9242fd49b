use std::path::PathBuf;

use notify::event::{AccessKind, CreateKind, Event, EventKind};

use super::{About, is_change};

/// As of a manifest in `/w/pipe` with `source: ../aud`, started in `/w/pipe`.
fn about() -> Vec<About> {
    let names = ["/w/aud", "/w/pipe/./../aud", "./../aud"];
    vec![
        About::File("pipeline.yaml".into()),
        About::Source(names.map(PathBuf::from).to_vec()),
    ]
}

fn tells(kind: EventKind, path: &str) -> bool {
    is_change(&Event::new(kind).add_path(path.into()), &about())
}

#[test]
fn only_the_manifest_and_what_is_within_a_source_are_changes() {
    let is_change = |path: &str| tells(EventKind::Create(CreateKind::Any), path);
    for path in [
        "/w/pipe/pipeline.yaml",
        "/w/pipe/../aud/src/lib.rs",
        "/w/aud/src/target/mod.rs",
        "./../aud/Cargo.toml",
    ] {
        assert!(is_change(path), "{path}");
    }
    for path in [
        "/w/pipe/err.log",
        "/w/pipe/out",
        "/w/pipe/../aud/target",
        "/w/aud/target/azud/aud.wasm.lock",
        "/w/audit/src/lib.rs",
    ] {
        assert!(!is_change(path), "{path}");
    }
    let read = EventKind::Access(AccessKind::Any);
    assert!(!tells(read, "/w/aud/src/lib.rs"));
}
