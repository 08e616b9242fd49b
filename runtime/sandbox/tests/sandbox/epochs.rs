//! A sink with transactions: each of its calls, and its limits.

use std::{fs, sync::Arc, time::Duration};

use azud_sandbox::{
    CancellationToken, Flushed, Folder, Grants, GuestError, Limits, Outcome, Plugin, Sink, World,
    inspect::Inspection,
};
use tempfile::TempDir;

use crate::support::{Lines, batch, guest, plugin, sandbox};

/// The guest `epochs-files`, told how to misbehave.
fn open(plugin: &Plugin, misbehave: &str, limits: Limits) -> (TempDir, Sink, CancellationToken) {
    let folder = tempfile::tempdir().unwrap();
    let granted = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        Folder {
            path,
            name: name.into(),
            write: true,
        }
    };
    let grants = Grants {
        dirs: vec![granted("out"), granted("told")],
        ..Grants::default()
    };
    let config = format!(r#"{{"folder":"out","journal":"told","misbehave":[{misbehave}]}}"#);
    let cancel = CancellationToken::new();
    let sink = Sink::open(
        plugin,
        &config,
        &batch(0).schema(),
        limits,
        Arc::new(grants),
        Arc::new(Lines::default()),
        cancel.clone(),
    );
    (folder, sink.unwrap(), cancel)
}

fn misbehaving(call: &str, how: &str) -> (TempDir, Sink, CancellationToken) {
    let misbehave = format!(r#"{{"call":"{call}","from":1,"how":"{how}"}}"#);
    open(&plugin("epochs-files"), &misbehave, Limits::default())
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("out")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn prepared(sink: &mut Sink, epoch: u64) -> Vec<u8> {
    assert_eq!(sink.recover("run", "out", None), Ok(Flushed::Done));
    assert_eq!(sink.write(&batch(2)), Ok(Outcome::Accepted));
    assert_eq!(sink.flush(), Ok(Flushed::Done));
    sink.prepare(epoch).unwrap().unwrap()
}

#[test]
fn it_is_a_sink_that_exports_epochs() {
    let loaded = plugin("epochs-files");
    assert!(loaded.is(World::TransactionalSink) && loaded.is(World::Sink));
    assert_eq!(loaded.world(), World::Sink);
    assert!(!plugin("hostile").is(World::TransactionalSink));
    let inspection = Inspection::load(sandbox(), &guest("epochs-files")).unwrap();
    assert!(inspection.has("epochs") && inspection.has("sink"));
}

#[test]
fn what_is_prepared_is_committed_once_or_rolled_back() {
    let (folder, mut sink, _) = open(&plugin("epochs-files"), "", Limits::default());
    assert!(sink.is_transactional());
    let token = prepared(&mut sink, 7);
    assert_eq!(token, b".prepared-run-7");
    assert_eq!(names(&folder), [".prepared-run-7"]);
    for _ in 0..2 {
        assert_eq!(sink.commit(7, &token), Ok(Flushed::Done));
        assert_eq!(names(&folder), ["part-7.json"]);
    }
    let token = prepared(&mut sink, 8);
    assert_eq!(sink.abort(8, &token), Ok(Flushed::Done));
    assert_eq!(names(&folder), ["part-7.json"]);
}

#[test]
fn a_fresh_instance_rolls_back_what_came_after_the_last_epoch() {
    let (folder, mut sink, _) = open(&plugin("epochs-files"), "", Limits::default());
    prepared(&mut sink, 7);
    sink.renew();
    assert_eq!(sink.recover("run", "out", Some(7)), Ok(Flushed::Done));
    assert_eq!(names(&folder), [".prepared-run-7"]);
    sink.renew();
    assert_eq!(sink.recover("run", "out", Some(6)), Ok(Flushed::Done));
    assert_eq!(names(&folder), Vec::<String>::new());
    // The instance that is fresh has to be told whose it is.
    sink.renew();
    let failed = "`recover` was not called first";
    assert_eq!(sink.write(&batch(1)), Ok(Outcome::Failed(failed.into())));
}

#[test]
fn what_it_says_of_a_call_is_told() {
    let later = Flushed::RetryAfter {
        after: Duration::from_millis(10),
        reason: "busy".into(),
    };
    let failed = |call: &str| Flushed::Failed(format!("{call} failed, as it was told"));
    let (_folder, mut sink, _) = misbehaving("recover", "retry");
    assert_eq!(sink.recover("run", "out", None), Ok(later.clone()));
    let (_folder, mut sink, _) = misbehaving("recover", "error");
    assert_eq!(sink.recover("run", "out", None), Ok(failed("recover")));
    let (_folder, mut sink, _) = misbehaving("commit", "retry");
    let token = prepared(&mut sink, 1);
    assert_eq!(sink.commit(1, &token), Ok(later.clone()));
    // The instance lives on.
    assert_eq!(sink.commit(1, &token), Ok(Flushed::Done));
    let (_folder, mut sink, _) = misbehaving("abort", "retry");
    let token = prepared(&mut sink, 1);
    assert_eq!(sink.abort(1, &token), Ok(later));
    let (_folder, mut sink, _) = misbehaving("prepare", "error");
    assert_eq!(sink.recover("run", "out", None), Ok(Flushed::Done));
    let failed = Err("prepare failed, as it was told".to_owned());
    assert_eq!(sink.prepare(1), Ok(failed));
}

#[test]
fn a_call_that_traps_says_why_and_the_next_opens_a_fresh_instance() {
    for call in ["recover", "prepare", "commit", "abort"] {
        let (_folder, mut sink, _) = misbehaving(call, "trap");
        let mut ask = || match call {
            "recover" => sink.recover("run", "out", None).map(drop),
            "prepare" => sink
                .recover("run", "out", None)
                .and_then(|_| sink.prepare(1).map(drop)),
            "commit" => sink.commit(1, b"").map(drop),
            _ => sink.abort(1, b"").map(drop),
        };
        let Err(GuestError::Trapped { reason }) = ask() else {
            panic!("{call} did not trap");
        };
        assert!(
            reason.contains(&format!("{call} trapped, as it was told")),
            "{reason}"
        );
        assert_eq!(ask(), Ok(()), "{call}");
    }
}

#[test]
fn calls_have_a_deadline() {
    let limits = Limits {
        deadline: Duration::from_millis(50),
        ..Limits::default()
    };
    let limit = limits.deadline;
    for call in ["recover", "prepare", "commit", "abort"] {
        let misbehave = format!(r#"{{"call":"{call}","from":1,"how":"hang"}}"#);
        let (_folder, mut sink, _) = open(&plugin("epochs-files"), &misbehave, limits.clone());
        let asked = match call {
            "recover" => sink.recover("run", "out", None).map(drop),
            "prepare" => sink
                .recover("run", "out", None)
                .and_then(|_| sink.prepare(1).map(drop)),
            "commit" => sink.commit(1, b"").map(drop),
            _ => sink.abort(1, b"").map(drop),
        };
        assert_eq!(asked, Err(GuestError::Deadline { limit }), "{call}");
    }
}

#[test]
fn a_token_has_at_most_a_mebibyte() {
    let (_folder, mut sink, _) = misbehaving("prepare", "token");
    assert_eq!(sink.recover("run", "out", None), Ok(Flushed::Done));
    assert_eq!(sink.write(&batch(1)), Ok(Outcome::Accepted));
    assert_eq!(sink.flush(), Ok(Flushed::Done));
    let error = GuestError::Token {
        actual: (1 << 20) + 1,
        limit: 1 << 20,
    };
    assert_eq!(sink.prepare(1), Err(error));
}

#[test]
fn a_pipeline_that_ends_gives_up_calls_and_may_still_roll_back() {
    let (folder, mut sink, cancel) = open(&plugin("epochs-files"), "", Limits::default());
    let token = prepared(&mut sink, 1);
    cancel.cancel();
    sink.set_cancel(CancellationToken::new());
    assert_eq!(sink.abort(1, &token), Ok(Flushed::Done));
    assert_eq!(names(&folder), Vec::<String>::new());
    sink.set_cancel(cancel);
    assert_eq!(sink.commit(1, &token), Err(GuestError::Cancelled));
}

#[test]
fn a_sink_without_epochs_has_none() {
    let sink = Sink::open(
        &plugin("../../plugins/http-post"),
        r#"{"url":"http://localhost/"}"#,
        &batch(0).schema(),
        Limits::default(),
        Arc::default(),
        Arc::new(Lines::default()),
        CancellationToken::new(),
    );
    let mut sink = sink.unwrap();
    assert!(!sink.is_transactional());
    let reason = "the plugin exports no azud:plugin/epochs".to_owned();
    assert_eq!(sink.commit(0, b""), Err(GuestError::Start { reason }));
}
