//! The word of the coordinator, as it comes to a plugin with transactions.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use azud_connect::{Delivery, Prepared, Recorded, Recovery, Sink as _};
use azud_model::{Epoch, Error, ErrorKind, SystemClock};
use azud_sandbox::{
    CancellationToken, Flushed, Folder, Grants, GuestError, Limits, Outcome, Plugin, Sandbox,
    Settings, Silent, Sink,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Handle, Only, PluginSink};

fn component() -> PathBuf {
    let guests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    let test = std::env::current_exe().unwrap();
    // `<target>/release/deps/test`; not the folder of the build that runs this test.
    let target = test.ancestors().nth(3).unwrap().join("guests");
    let builder = azud_build::Builder::new().target_dir(target);
    builder.build(&guests.join("epochs-files")).unwrap()
}

fn rows(count: i64) -> RecordBatch {
    let numbers = Arc::new(Int64Array::from_iter_values(0..count)) as _;
    RecordBatch::try_from_iter([("n", numbers)]).unwrap()
}

/// A pipeline's start over the same folders: as often as it comes back.
fn start(folder: &TempDir, misbehave: &str) -> (Arc<Handle>, PluginSink, CancellationToken) {
    let granted = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
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
    let sandbox = Sandbox::new(Settings::default()).unwrap();
    let plugin = Plugin::load(&sandbox, &component(), None).unwrap();
    let config = format!(r#"{{"folder":"out","journal":"told","misbehave":[{misbehave}]}}"#);
    let pipeline = CancellationToken::new();
    let cancel = pipeline.child_token();
    let sink = Sink::open(
        &plugin,
        &config,
        &rows(0).schema(),
        Limits::default(),
        Arc::new(grants),
        Arc::new(Silent),
        cancel.clone(),
    );
    let clock = Arc::new(SystemClock::new());
    let first = Handle::new("files".into(), sink.unwrap(), clock, cancel, Arc::default());
    let only = Arc::new(Only::new(first, || {
        Err(Error::internal("one attempt is made"))
    }));
    let handle = only.current();
    let end = PluginSink::new(Some(only));
    (handle, end, pipeline)
}

fn calls(folder: &TempDir) -> Vec<String> {
    let calls = fs::read_to_string(folder.path().join("told/calls.txt")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("out")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        time_ms: 0,
        input_rows: 1,
        last: false,
    }
}

/// What the lane does in an epoch; answers what the coordinator records.
fn prepare(handle: &Handle, number: u64) -> Vec<Prepared> {
    assert_eq!(
        handle.ask(|it| it.write(&rows(2))).unwrap(),
        Outcome::Accepted
    );
    assert_eq!(handle.ask(|it| it.flush()).unwrap(), Flushed::Done);
    let token = handle.ask(move |it| it.prepare(number)).unwrap().unwrap();
    let of_first = Prepared {
        lane: 0,
        rows: 2,
        token,
    };
    let of_second = Prepared {
        lane: 1,
        ..Prepared::default()
    };
    vec![of_second, of_first]
}

fn back(last: Option<(u64, Vec<Prepared>)>) -> Recovery {
    Recovery {
        run: "r1".into(),
        generation: 0,
        epoch: last.as_ref().map(|(number, _)| *number),
        last: last.map(|(number, prepared)| Recorded {
            epoch: epoch(number),
            prepared,
        }),
        allow_reset: false,
    }
}

#[test]
fn what_was_recorded_is_committed_before_any_lane_runs_and_the_rest_is_rolled_back() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (handle, end, _) = start(&folder, "");
    assert_eq!(end.delivery(), Delivery::ExactlyOnce);
    runtime.block_on(end.recover(&back(None))).unwrap();
    let recorded = prepare(&handle, 3);
    // As if the process had been killed.
    drop((handle, end));
    fs::write(folder.path().join("out/.tmp-r1"), "half").unwrap();
    fs::write(folder.path().join("out/.prepared-r1-4"), "unknown").unwrap();
    fs::write(folder.path().join("out/.prepared-r2-9"), "another's").unwrap();
    for _ in 0..2 {
        let (_handle, end, _) = start(&folder, "");
        let recovery = back(Some((3, recorded.clone())));
        runtime.block_on(end.recover(&recovery)).unwrap();
        let again = recorded.clone();
        runtime.block_on(end.commit(&epoch(3), again)).unwrap();
        assert_eq!(names(&folder), [".prepared-r2-9", "part-3.json"]);
    }
    let part = fs::read_to_string(folder.path().join("out/part-3.json")).unwrap();
    assert_eq!(part, "{\"n\":0}\n{\"n\":1}\n");
    let expected = [
        "recover run=r1 sink=files last=none",
        "write 2",
        "flush",
        "prepare 3",
        "recover run=r1 sink=files last=3",
        "commit 3",
        "recover run=r1 sink=files last=3",
        "commit 3",
    ];
    assert_eq!(calls(&folder), expected);
}

#[test]
fn recovery_goes_on_with_fresh_instances_and_waits_as_asked() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (_handle, end, _) = start(
        &folder,
        r#"{"call":"recover","from":1,"how":"trap"},{"call":"recover","from":2,"how":"retry"}"#,
    );
    runtime.block_on(end.recover(&back(None))).unwrap();
    assert_eq!(calls(&folder), ["recover run=r1 sink=files last=none"; 3]);
}

#[test]
fn the_next_epochs_rows_wait_for_the_commit() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (handle, end, _) = start(&folder, "");
    let prepared = prepare(&handle, 0);
    let lane = std::thread::spawn({
        let handle = handle.clone();
        move || handle.ask(|it| it.write(&rows(1)))
    });
    // Time to be wrong in.
    std::thread::sleep(Duration::from_millis(100));
    runtime.block_on(end.commit(&epoch(0), prepared)).unwrap();
    assert_eq!(lane.join().unwrap(), Ok(Outcome::Accepted));
    assert_eq!(calls(&folder)[3..], ["prepare 0", "commit 0", "write 1"]);
}

#[test]
fn what_is_prepared_and_not_recorded_is_aborted_by_its_token() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (handle, end, pipeline) = start(&folder, r#"{"call":"abort","from":1,"how":"retry"}"#);
    prepare(&handle, 0);
    // The lane waits for a commit that never comes: the end of the pipeline frees it.
    let lane = std::thread::spawn({
        let handle = handle.clone();
        move || handle.ask(|it| it.write(&rows(1)))
    });
    pipeline.cancel();
    assert_eq!(lane.join().unwrap(), Err(GuestError::Cancelled));
    runtime.block_on(end.abort()).unwrap();
    assert_eq!(names(&folder), Vec::<String>::new());
    assert_eq!(calls(&folder)[3..], ["prepare 0", "abort 0", "abort 0"]);
    // Nothing follows.
    let late = handle.ask(|it| it.write(&rows(1)));
    assert_eq!(late, Err(GuestError::Cancelled));
}

#[test]
fn what_is_recorded_is_not_aborted() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (handle, end, _) = start(&folder, r#"{"call":"commit","from":1,"how":"error"}"#);
    let prepared = prepare(&handle, 0);
    let error = runtime.block_on(end.commit(&epoch(0), prepared));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Plugin);
    runtime.block_on(end.abort()).unwrap();
    assert_eq!(names(&folder), [".prepared--0"]);
    assert_eq!(calls(&folder).last().unwrap(), "commit 0");
}

#[test]
fn who_was_asked_for_nothing_has_nothing_to_abort() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (_handle, end, _) = start(&folder, "");
    runtime.block_on(end.abort()).unwrap();
    assert_eq!(calls(&folder), Vec::<String>::new());
}

#[test]
fn a_rollback_that_fails_says_so() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (handle, end, _) = start(&folder, r#"{"call":"abort","from":1,"how":"error"}"#);
    prepare(&handle, 0);
    assert_eq!(
        runtime.block_on(end.abort()).unwrap_err().to_string(),
        "node `files`: the plugin could not roll back what was not recorded, and is asked to when \
         the pipeline starts again: abort failed, as it was told"
    );
}
