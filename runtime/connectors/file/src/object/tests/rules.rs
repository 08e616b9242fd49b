//! What is refused, put aside, replaced and rolled back.

use azud_connect::Connector;
use serde_json::json;

use super::*;

const CONNECTOR: Connector = crate::CONNECTOR;

async fn reset(store: &Store, recovery: &Recovery) {
    let allowed = Recovery {
        allow_reset: true,
        ..recovery.clone()
    };
    sink(store, Mode::Append).recover(&allowed).await.unwrap();
}

async fn refusal(store: &Store, recovery: &Recovery) -> String {
    let before = store.objects().await;
    let error = sink(store, Mode::Append)
        .recover(recovery)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        store.objects().await,
        before,
        "it refuses, and touches nothing"
    );
    error.to_string()
}

#[tokio::test]
async fn another_runs_output_is_refused_and_put_aside_where_that_is_allowed() {
    let (store, log) = (Store::default(), Log::default());
    process(&store, &log, Mode::Append, 2).await.unwrap();
    let other = Log::default().open("run-b");
    assert_eq!(
        refusal(&store, &other).await,
        "`s3://bucket/out` holds the output of another run: `s3://bucket/out/_azud/0.json` is of \
         run `run-a`, and this is run `run-b`: write to another folder, or put that output aside \
         with `--allow-reset out`"
    );
    // Half-way, a crash: it is refused as before, and then goes on.
    store.fail("copy", 3, Fault::Before);
    let allowed = Recovery {
        allow_reset: true,
        ..other.clone()
    };
    let error = sink(&store, Mode::Append)
        .recover(&allowed)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(refusal(&store, &other).await.contains("is of run `run-a`"));
    reset(&store, &other).await;
    assert!(store.visible().await.is_empty());
    let aside: Vec<String> = store.objects().await.into_keys().collect();
    for name in expected(2).into_keys() {
        let is_it = |one: &&String| one.starts_with("_azud/reset-") && one.ends_with(&name);
        assert_eq!(aside.iter().filter(is_it).count(), 1, "{name}: {aside:?}");
    }
    assert!(!aside.contains(&"_azud/0.json".to_owned()), "{aside:?}");
}

#[tokio::test]
async fn rows_that_wait_for_another_run_stay() {
    let (store, log) = (Store::default(), Log::default());
    let waiting = sink(&store, Mode::Append);
    let mut open = Open::new(&waiting, &log.open("run-a")).await.unwrap();
    open.prepare(0).await.unwrap();
    let other = Log::default().open("run-b");
    assert_eq!(
        refusal(&store, &other).await,
        "`s3://bucket/out/_azud/uploads` holds rows of run `run-a` that are not visible yet, and \
         this is run `run-b`: write to another folder, or put that output aside with \
         `--allow-reset out`"
    );
    reset(&store, &other).await;
    let aside = store.objects().await;
    let markers = aside.keys().filter(|name| name.starts_with("_azud/reset-"));
    assert_eq!((markers.count(), store.uploads()), (2, 2));
    // Without a checkpoint nobody could finish them either.
    let free = sink_of(&Store::default(), context(2, Mode::Append, false));
    Open::unrecovered(&free).await.unwrap();
}

#[tokio::test]
async fn output_of_a_later_epoch_is_refused() {
    let (store, log) = (Store::default(), Log::default());
    process(&store, &log, Mode::Append, 1).await.unwrap();
    let old = log.last();
    process(&store, &log, Mode::Append, 3).await.unwrap();
    let older = Recovery {
        epoch: Some(0),
        last: old,
        ..log.open("run-a")
    };
    assert_eq!(
        refusal(&store, &older).await,
        "`s3://bucket/out` is ahead of the checkpoint: `s3://bucket/out/_azud/1.json` is of epoch \
         1 of this run, and the last recorded epoch is 0: the checkpoint is an older copy: bring \
         back the newer one, or put the later output aside with `--allow-reset out`"
    );
    reset(&store, &older).await;
    assert_eq!(store.visible().await, expected(1));
}

#[tokio::test]
async fn an_object_that_nobody_knows_is_refused() {
    let store = Store::default();
    store.put("part-7-0.json", "somebody's\n").await;
    store.put("notes.txt", "not ours\n").await;
    let start = Log::default().open("run-a");
    assert_eq!(
        refusal(&store, &start).await,
        "`s3://bucket/out/part-7-0.json` is there already, and no list of this run knows it: \
         write to another folder, or put that output aside with `--allow-reset out`"
    );
    let free = sink_of(&store, context(2, Mode::Append, false));
    let error = free.writer(0, schema()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/out/part-7-0.json` is there already, and no list in `s3://bucket/out/_azud` \
         knows it: remove it, or write to another place"
    );
}

#[tokio::test]
async fn what_was_recorded_and_is_gone_is_said() {
    let (store, log) = (Store::default(), Log::default());
    let first = sink(&store, Mode::Append);
    let start = log.open("run-a");
    let mut open = Open::new(&first, &start).await.unwrap();
    let prepared = open.prepare(0).await.unwrap();
    assert!(log.record(start.generation, epoch(0), &prepared));
    store.end_uploads();
    let gone = "`s3://bucket/out/part-0-0.json`, 4 rows that epoch 0 recorded, is neither there \
                nor is its upload: somebody has removed them, or a rule of the bucket ends \
                uploads: bring the object back as it was, or go on without it with \
                `--allow-reset out`";
    let error = open.commit(0, &prepared).await.unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::Invalid, gone)
    );
    let back = log.open("run-a");
    let second = sink(&store, Mode::Append);
    let error = Open::new(&second, &back).await.err().unwrap();
    assert_eq!(error.to_string(), gone);
    // Something else has its name.
    store.put("part-0-0.json", "of another length\n").await;
    let error = Open::new(&second, &back).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/out/part-0-0.json` has 18 bytes, and is not the upload of 24 bytes in 3 \
         parts that this run has recorded: somebody else has written it"
    );
    store.remove("part-0-0.json").await;
    let allowed = Recovery {
        allow_reset: true,
        ..back
    };
    Open::new(&second, &allowed).await.unwrap();
}

/// Whoever reads the objects may take them away.
#[tokio::test]
async fn an_object_that_was_taken_away_since_is_not_missed() {
    let (store, log) = (Store::default(), Log::default());
    process(&store, &log, Mode::Append, 2).await.unwrap();
    store.remove("part-1-1.json").await;
    process(&store, &log, Mode::Append, 3).await.unwrap();
    let mut rest = expected(3);
    rest.remove("part-1-1.json");
    assert_eq!(store.visible().await, rest);
}

#[tokio::test]
async fn without_a_checkpoint_an_epoch_is_shown_at_its_end_and_an_abort_gives_up() {
    let store = Store::default();
    let free = sink_of(&store, context(2, Mode::Append, false));
    let mut open = Open::unrecovered(&free).await.unwrap();
    let prepared = open.prepare(0).await.unwrap();
    assert!(store.visible().await.is_empty());
    open.commit(0, &prepared).await.unwrap();
    open.commit(0, &prepared).await.unwrap();
    open.prepare(1).await.unwrap();
    assert_eq!(store.uploads(), 2);
    free.abort().await.unwrap();
    assert_clean(&store, Mode::Append, 1, "aborted").await;
    assert_eq!(
        store.objects().await["_azud/0.json"],
        "{\"version\":1,\"epoch\":0,\"mode\":\"append\",\"files\":[\
         {\"name\":\"part-0-0.json\",\"rows\":4,\"bytes\":24},\
         {\"name\":\"part-0-1.json\",\"rows\":4,\"bytes\":24}]}\n"
    );
    let next = sink_of(&store, context(2, Mode::Append, false));
    let error = next.writer(0, schema()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/out` holds the output of an earlier run (`s3://bucket/out/_azud/0.json` \
         lists it): remove it, or write to another place"
    );
    // A table is replaced.
    let next = sink_of(&store, context(2, Mode::Complete, false));
    let mut open = Open::unrecovered(&next).await.unwrap();
    for number in 0..2 {
        let prepared = open.prepare(number).await.unwrap();
        open.commit(number, &prepared).await.unwrap();
    }
    assert_clean(&store, Mode::Complete, 2, "replaced").await;
}

#[tokio::test]
async fn rows_of_many_parts_are_one_object_with_one_header() {
    let store = Store::default();
    let csv = SinkContext {
        pipeline: "test".into(),
        format: "csv".into(),
        header: b"a,b\n".to_vec(),
        ..context(1, Mode::Append, false)
    };
    let free = sink_of(&store, csv);
    let mut writer = free.writer(0, schema()).await.unwrap();
    let line = "0123456789,0123456789\n";
    let mut whole = "a,b\n".to_owned();
    for count in [1, 3, 1] {
        let rows = line.repeat(count);
        writer.write(output(&rows)).await.unwrap();
        whole += &rows;
    }
    assert!(store.visible().await.is_empty());
    let prepared = writer.prepare(&epoch(0)).await.unwrap();
    assert_eq!(prepared.rows, 5);
    free.commit(&epoch(0), vec![prepared]).await.unwrap();
    // An epoch without rows has no object.
    let empty = writer.prepare(&epoch(1)).await.unwrap();
    assert_eq!((empty.rows, empty.token.len()), (0, 0));
    free.commit(&epoch(1), vec![empty]).await.unwrap();
    let found = store.visible().await;
    assert_eq!(found, BTreeMap::from([("part-0-0.csv".to_owned(), whole)]));
}

fn make(options: serde_json::Value, mode: Mode) -> Result<Arc<dyn Sink>> {
    let (_, make) = CONNECTOR.sink.unwrap();
    make(options, context(1, mode, true))
}

#[test]
fn what_a_bucket_cannot_do_is_refused_before_a_run() {
    for (options, mode, why) in [
        (
            json!({"path": "s3://b/p", "layout": "rolling"}),
            Mode::Append,
            "an object cannot grow: use `layout: table`",
        ),
        (
            json!({"path": "s3://b/p", "layout": "batches"}),
            Mode::Append,
            "an upload needs its name when it begins: use `layout: table`",
        ),
        (
            json!({"path": "s3://b/p", "roll": {"size": "1MiB"}}),
            Mode::Append,
            "`roll` belongs to `layout: rolling`, which a bucket cannot have",
        ),
        (
            json!({"path": "s3://b/p"}),
            Mode::Update,
            "use `mode: complete`",
        ),
        (
            json!({"path": "gs://b/p"}),
            Mode::Append,
            "a file sink on `gs://` is not possible: write a local path, or `s3://bucket/prefix`",
        ),
        (
            json!({"path": "s3://b/p/*.json"}),
            Mode::Append,
            "a pattern is not one place",
        ),
        (
            json!({"path": "s3://b/~/p"}),
            Mode::Append,
            "a bucket has no home folder",
        ),
        (json!({"path": "s3://"}), Mode::Append, "it names no bucket"),
    ] {
        let error = make(options.clone(), mode).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(why), "{options}: {error}");
    }
}

#[test]
fn one_place_is_one_target() {
    let target = |path: &str| make(json!({"path": path}), Mode::Append).unwrap().target();
    assert_eq!(target("s3://b/p/q/"), Some("s3://b/p/q".to_owned()));
    assert_eq!(target("s3://b/p/q/"), target("s3://b/p/q"));
    assert_ne!(target("s3://b/p"), target("s3://b/p/q"));
}
