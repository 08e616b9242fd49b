//! What may be wrong or gone when a run comes back, and disks that fail.

use std::os::unix::fs::symlink;

use azud_connect::{Delivery, Recorded, Recovery};

use super::super::file_sink::FileSink;
use super::crash::{recovery, sink};
use super::*;

fn rolling() -> Value {
    json!({"path": "out", "layout": "rolling", "roll": {"size": "1MiB", "every": "1h"}})
}

fn table() -> Value {
    json!({"path": "out", "layout": "table"})
}

fn batches() -> Value {
    json!({"path": "out", "layout": "batches"})
}

/// A run that has started, with one lane.
async fn start(
    home: &Path,
    options: &Value,
    last: Option<&Recorded>,
) -> (FileSink, Box<dyn SinkWriter>) {
    let sink = sink(home, Mode::Append, options, 1);
    sink.recover(&recovery(last.cloned())).await.unwrap();
    if let Some(last) = last {
        sink.commit(&last.epoch, last.prepared.clone())
            .await
            .unwrap();
    }
    let writer = sink
        .writer(0, Arc::new(arrow::datatypes::Schema::empty()))
        .await
        .unwrap();
    (sink, writer)
}

async fn prepare(
    writer: &mut Box<dyn SinkWriter>,
    number: u64,
    text: &str,
    last: bool,
) -> Recorded {
    let epoch = epoch(number, last);
    if !text.is_empty() {
        let (rows, bytes) = (text.lines().count(), text.as_bytes().to_vec().into());
        writer.write(Output::Encoded { rows, bytes }).await.unwrap();
    }
    let prepared = vec![writer.prepare(&epoch).await.unwrap()];
    Recorded { epoch, prepared }
}

async fn commit(sink: &FileSink, recorded: &Recorded) {
    sink.commit(&recorded.epoch, recorded.prepared.clone())
        .await
        .unwrap();
}

async fn again(home: &Path, options: &Value, last: &Recorded) -> Result<()> {
    let sink = sink(home, Mode::Append, options, 1);
    sink.recover(&recovery(Some(last.clone()))).await?;
    sink.commit(&last.epoch, last.prepared.clone()).await
}

#[tokio::test]
async fn lists_and_batches_name_their_run() {
    let home = tempfile::tempdir().unwrap();
    let (sink, mut writer) = start(home.path(), &table(), None).await;
    assert_eq!(sink.delivery(), Delivery::ExactlyOnce);
    let recorded = prepare(&mut writer, 0, "1\n", false).await;
    commit(&sink, &recorded).await;
    assert_eq!(
        fs::read_to_string(home.path().join("out/_azud/0.json")).unwrap(),
        "{\"version\":1,\"run\":\"4f1c\",\"epoch\":0,\"mode\":\"append\",\"files\":\
         [{\"name\":\"part-0-0.txt\",\"rows\":1,\"bytes\":2}]}\n"
    );
    let (sink, mut writer) = start(home.path(), &batches(), None).await;
    let recorded = prepare(&mut writer, 0, "1\n", false).await;
    commit(&sink, &recorded).await;
    assert_eq!(
        fs::read_to_string(home.path().join("out-1000/_SUCCESS")).unwrap(),
        "{\"run\":\"4f1c\",\"epoch\":0}\n"
    );
}

/// With a checkpoint nobody knows yet whose output it is: `azud check` says nothing of it.
#[tokio::test]
async fn a_check_does_not_refuse_what_only_a_checkpoint_can_judge() {
    let home = tempfile::tempdir().unwrap();
    let (first, mut writer) = start(home.path(), &table(), None).await;
    let recorded = prepare(&mut writer, 0, "1\n", false).await;
    commit(&first, &recorded).await;
    drop(first);
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let with = sink(home.path(), Mode::Append, &table(), 1);
    with.check(&schema).unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let context = context(home.path(), "text", Mode::Append, &clock);
    let without = super::super::make(table(), context).unwrap();
    let error = without.check(&schema).unwrap_err().to_string();
    assert!(
        error.starts_with("`out` holds the output of an earlier run"),
        "{error}"
    );
    // And a writer before that is a mistake of the engine.
    let error = with.writer(0, schema).await.err().unwrap();
    assert_eq!(error.kind(), azud_model::ErrorKind::Internal);
}

/// A file is durable before its name is, and its name before the list, and that before the answer.
#[tokio::test]
async fn nothing_is_built_on_what_is_not_durable() {
    let home = tempfile::tempdir().unwrap();
    let (sink, mut writer) = start(
        home.path(),
        &json!({"path": "a/out", "layout": "table"}),
        None,
    )
    .await;
    let probe = sink.paths.steps.probe.clone();
    let take = || probe.take(home.path());
    assert_eq!(
        take(),
        [
            "make a/out/_azud",
            "make a/out/_azud/tmp",
            "sync a/out/_azud",
            "sync a/out",
            "sync a",
            "create a/out/_azud/tmp/run.json.tmp",
            "fill a/out/_azud/tmp/run.json.tmp",
            "sync a/out/_azud/tmp/run.json.tmp",
            "rename a/out/_azud/tmp/run.json",
            "sync a/out/_azud/tmp",
        ]
    );
    let recorded = prepare(&mut writer, 0, "1\n", false).await;
    assert_eq!(take(), ["sync a/out/_azud/tmp"]);
    commit(&sink, &recorded).await;
    assert_eq!(
        take(),
        [
            "rename a/out/part-0-0.txt",
            "sync a/out",
            "create a/out/_azud/0.json.tmp",
            "fill a/out/_azud/0.json.tmp",
            "sync a/out/_azud/0.json.tmp",
            "rename a/out/_azud/0.json",
            "sync a/out/_azud",
        ]
    );
    let (sink, mut writer) = start(
        home.path(),
        &json!({"path": "b/out", "layout": "batches"}),
        None,
    )
    .await;
    let recorded = prepare(&mut writer, 0, "1\n", false).await;
    let probe = sink.paths.steps.probe.clone();
    probe.take(home.path());
    commit(&sink, &recorded).await;
    assert_eq!(
        probe.take(home.path()),
        [
            "make b/.out-azud/batch-0",
            "rename b/.out-azud/batch-0/part-00000",
            "create b/.out-azud/batch-0/_SUCCESS",
            "fill b/.out-azud/batch-0/_SUCCESS",
            "sync b/.out-azud/batch-0/_SUCCESS",
            "sync b/.out-azud/batch-0",
            "rename b/out-1000",
            "sync b",
        ]
    );
}

/// A pipeline stops: what is committed becomes visible at once, and is not
/// doubled when the pipeline comes back - whether or not its last, empty epoch
/// was recorded.
#[tokio::test]
async fn rolling_rows_that_were_kept_are_not_doubled() {
    for is_recorded in [false, true] {
        for dies_after in 0.. {
            let home = tempfile::tempdir().unwrap();
            let (sink, mut writer) = start(home.path(), &rolling(), None).await;
            let mut last = prepare(&mut writer, 0, "1\n", false).await;
            commit(&sink, &last).await;
            last = prepare(&mut writer, 1, "2\n", false).await;
            commit(&sink, &last).await;
            let empty = prepare(&mut writer, 2, "", true).await;
            if is_recorded {
                last = empty;
            }
            sink.paths.steps.probe.die_after(dies_after);
            let stopped = sink.abort().await;
            drop(sink);
            if stopped.is_ok() {
                assert_eq!(visible(home.path()), ["out/part-1-0.txt=1\n2\n"]);
            }
            for _ in 0..2 {
                let (sink, mut writer) = start(home.path(), &rolling(), Some(&last)).await;
                let rows: Vec<_> = visible(home.path());
                assert_eq!(rows.len(), 1, "{rows:?}");
                assert!(rows[0].ends_with("=1\n2\n"), "{rows:?}");
                prepare(&mut writer, last.epoch.number + 1, "never\n", false).await;
                drop(sink);
            }
            if stopped.is_ok() {
                assert!(dies_after > 5);
                break;
            }
        }
    }
}

/// It stops because something failed: the epoch with more rows may be recorded.
#[tokio::test]
async fn rolling_rows_that_may_be_recorded_are_left_to_the_next_start() {
    for is_recorded in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let (sink, mut writer) = start(home.path(), &rolling(), None).await;
        let committed = prepare(&mut writer, 0, "1\n", false).await;
        commit(&sink, &committed).await;
        let next = prepare(&mut writer, 1, "2\n", false).await;
        sink.abort().await.unwrap();
        drop(sink);
        assert_eq!(visible(home.path()), Vec::<String>::new());
        let (last, expected) = match is_recorded {
            true => (&next, "out/part-1-0.txt=1\n2\n"),
            false => (&committed, "out/part-0-0.txt=1\n"),
        };
        again(home.path(), &rolling(), last).await.unwrap();
        assert_eq!(visible(home.path()), [expected]);
    }
}

/// A consumer may take files and batches away as soon as they are visible.
#[tokio::test]
async fn what_was_taken_away_is_not_asked_for() {
    for (options, taken) in [(table(), "out/part-0-0.txt"), (batches(), "out-1000")] {
        let home = tempfile::tempdir().unwrap();
        let (sink, mut writer) = start(home.path(), &options, None).await;
        let last = prepare(&mut writer, 0, "1\n", true).await;
        commit(&sink, &last).await;
        drop(sink);
        fs::rename(home.path().join(taken), home.path().join("taken")).unwrap();
        let (sink, mut writer) = start(home.path(), &options, Some(&last)).await;
        let next = prepare(&mut writer, 1, "2\n", false).await;
        commit(&sink, &next).await;
        let rows = visible(home.path()).into_iter();
        let rows: Vec<_> = rows
            .filter(|row| row.contains("part-") && row.starts_with("out"))
            .collect();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].ends_with("=2\n"));
    }
}

#[tokio::test]
async fn what_was_recorded_and_is_gone_is_told() {
    for (options, name) in [(table(), "part-0-0.txt"), (batches(), "part-00000")] {
        let home = tempfile::tempdir().unwrap();
        let (sink, mut writer) = start(home.path(), &options, None).await;
        let staging = sink.paths.staging.clone();
        let last = prepare(&mut writer, 0, "1\n", false).await;
        drop(sink);
        fs::remove_dir_all(&staging).unwrap();
        for _ in 0..2 {
            assert_eq!(
                again(home.path(), &options, &last)
                    .await
                    .unwrap_err()
                    .to_string(),
                format!(
                    "`{name}`, 1 rows that epoch 0 recorded for `out`, is neither there nor in \
                     `{}`: bring the folder back as it was, or go on without them with \
                     `--allow-reset out`",
                    staging.display()
                )
            );
        }
        let reset = sink_with_reset(home.path(), &options, &last).await;
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        assert!(reset.writer(0, schema).await.is_ok());
        assert_eq!(visible(home.path()), Vec::<String>::new());
    }
}

async fn sink_with_reset(home: &Path, options: &Value, last: &Recorded) -> FileSink {
    let sink = sink(home, Mode::Append, options, 1);
    let recovery = Recovery {
        allow_reset: true,
        ..recovery(Some(last.clone()))
    };
    sink.recover(&recovery).await.unwrap();
    sink.commit(&last.epoch, last.prepared.clone())
        .await
        .unwrap();
    sink
}

/// Neither a shorter file nor another one of the name is taken for what was recorded.
#[tokio::test]
async fn what_is_not_what_was_recorded_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (sink, mut writer) = start(home.path(), &table(), None).await;
    let last = prepare(&mut writer, 0, "1\n2\n", false).await;
    drop(sink);
    let staged = home.path().join("out/_azud/tmp/0-1-0-0.tmp");
    fs::write(&staged, "1\n").unwrap();
    let error = again(home.path(), &table(), &last)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("has 2 bytes, and 4 were recorded: the disk has lost some"),
        "{error}"
    );
    fs::write(&staged, "1\n2\n").unwrap();
    let theirs = home.path().join("out/part-0-0.txt");
    fs::write(&theirs, "3\n4\n").unwrap();
    let error = again(home.path(), &table(), &last)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`out/part-0-0.txt` is there already"),
        "{error}"
    );
    assert_eq!(visible(home.path()), ["out/part-0-0.txt=3\n4\n"]);
    fs::remove_file(theirs).unwrap();
    again(home.path(), &table(), &last).await.unwrap();
    assert_eq!(visible(home.path()), ["out/part-0-0.txt=1\n2\n"]);
    // A list of this run, but of other rows.
    let list = home.path().join("out/_azud/0.json");
    let changed = fs::read_to_string(&list)
        .unwrap()
        .replace("\"rows\":2", "\"rows\":3");
    fs::write(&list, changed).unwrap();
    let error = again(home.path(), &table(), &last)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is listed with 3 rows and 4 bytes, and 2 rows and 4 bytes were recorded"),
        "{error}"
    );
}

/// A commit that a disk refuses stops, shows nothing torn, and is finished later.
#[tokio::test]
async fn a_commit_that_failed_is_finished_by_the_next_start() {
    for (options, obstacle, row) in [
        (table(), "out/part-0-0.txt", "out/part-0-0.txt=1\n"),
        (table(), "out/_azud/0.json.tmp", "out/part-0-0.txt=1\n"),
        (rolling(), "out/part-0-0.txt", "out/part-0-0.txt=1\n"),
        (
            batches(),
            ".out-azud/batch-0/_SUCCESS",
            "out-1000/part-00000=1\n",
        ),
        (
            batches(),
            ".out-azud/batch-0/part-00000",
            "out-1000/part-00000=1\n",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (sink, mut writer) = start(home.path(), &options, None).await;
        let last = prepare(&mut writer, 0, "1\n", true).await;
        let obstacle = home.path().join(obstacle);
        fs::create_dir_all(obstacle.join("in-the-way")).unwrap();
        let error = sink
            .commit(&last.epoch, last.prepared.clone())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
        // As the engine does.
        sink.abort().await.unwrap();
        drop(sink);
        assert!(
            again(home.path(), &options, &last).await.is_err(),
            "{obstacle:?}"
        );
        fs::remove_dir_all(&obstacle).unwrap();
        again(home.path(), &options, &last).await.unwrap();
        let rows = visible(home.path()).into_iter();
        let rows: Vec<_> = rows.filter(|row| row.contains("part-")).collect();
        assert_eq!(rows, [row], "{obstacle:?}");
    }
}

/// A full disk: the epoch fails, nothing of it is visible, and the next start writes it.
#[tokio::test]
async fn a_full_disk_stops_the_epoch_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let (sink, mut writer) = start(home.path(), &table(), None).await;
    let last = prepare(&mut writer, 0, "1\n", false).await;
    commit(&sink, &last).await;
    symlink("/dev/full", home.path().join("out/_azud/tmp/0-1-0-1.tmp")).unwrap();
    let bytes = b"2\n".to_vec().into();
    writer
        .write(Output::Encoded { rows: 1, bytes })
        .await
        .unwrap();
    let error = writer.prepare(&epoch(1, false)).await.unwrap_err();
    assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    sink.abort().await.unwrap();
    drop((sink, writer));
    let (sink, mut writer) = start(home.path(), &table(), Some(&last)).await;
    let next = prepare(&mut writer, 1, "2\n", false).await;
    commit(&sink, &next).await;
    assert_eq!(
        visible(home.path()),
        ["out/part-0-0.txt=1\n", "out/part-1-0.txt=2\n"]
    );
}

/// Two processes of one run, of which one has not died.
#[tokio::test]
async fn a_run_that_still_writes_keeps_its_second_start_out() {
    let home = tempfile::tempdir().unwrap();
    let (first, mut writer) = start(home.path(), &table(), None).await;
    let last = prepare(&mut writer, 0, "1\n", false).await;
    let error = again(home.path(), &table(), &last)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "another run writes to `out`: stop it, or write to another folder"
    );
    commit(&first, &last).await;
    first.abort().await.unwrap();
    again(home.path(), &table(), &last).await.unwrap();
    assert_eq!(visible(home.path()), ["out/part-0-0.txt=1\n"]);
}
