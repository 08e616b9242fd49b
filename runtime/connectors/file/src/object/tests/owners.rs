//! Several processes over one place: the older one shows nothing, and rolls nothing back.

use super::*;

const TAKEN: &str = "another run has taken over `s3://bucket/out`: this one has stopped, and \
                     shows nothing more there";

#[tokio::test]
async fn the_older_of_two_shows_nothing_and_rolls_nothing_back() {
    let (store, log) = (Store::default(), Log::default());
    process(&store, &log, Mode::Append, 1).await.unwrap();
    // It records epoch 1, and is held up before it commits.
    let (old, first) = (sink(&store, Mode::Append), log.open("run-a"));
    let mut older = Open::new(&old, &first).await.unwrap();
    let one = older.prepare(1).await.unwrap();
    assert!(log.record(first.generation, epoch(1), &one));
    // It had begun the next one, too.
    let two = older.prepare(2).await.unwrap();
    assert_eq!(store.uploads(), 4);

    let (new, second) = (sink(&store, Mode::Append), log.open("run-a"));
    let mut newer = Open::new(&new, &second).await.unwrap();
    assert_eq!(store.visible().await, expected(2));
    assert_eq!(store.uploads(), 0);
    let mine = newer.prepare(2).await.unwrap();
    assert!(log.record(second.generation, epoch(2), &mine));

    // Now the older one comes back.
    assert!(!log.record(first.generation, epoch(2), &two));
    for (number, prepared) in [(1, &one), (2, &two)] {
        let error = older.commit(number, prepared).await.unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::Invalid, TAKEN)
        );
    }
    old.abort().await.unwrap();
    let error = old.recover(&first).await.unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::Invalid, TAKEN)
    );
    assert_eq!(store.uploads(), 2, "those of the newer one");
    newer.commit(2, &mine).await.unwrap();
    assert_clean(&store, Mode::Append, 3, "the newer one goes on").await;
}

#[tokio::test]
async fn an_upload_that_a_newer_run_gave_up_says_so() {
    let (store, log) = (Store::default(), Log::default());
    let old = sink(&store, Mode::Append);
    let mut older = Open::new(&old, &log.open("run-a")).await.unwrap();
    let first = text(0, 0);
    for _ in 0..2 {
        older.writers[0].write(output(&first)).await.unwrap();
    }
    assert_eq!(store.uploads(), 1);
    process(&store, &log, Mode::Append, 1).await.unwrap();
    let error = older.writers[0].prepare(&epoch(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        error.to_string(),
        "the upload of `s3://bucket/out/part-0-0.json` is gone: another run has taken over \
         `s3://bucket/out`, or somebody has removed it"
    );
    assert_clean(&store, Mode::Append, 1, "the newer one's").await;
}

/// Three at once, in any order of their requests; then one that finishes.
#[tokio::test]
async fn any_order_of_requests() {
    let mut stopped = 0;
    for seed in 0..600 {
        for mode in [Mode::Append, Mode::Complete] {
            let (store, log) = (Store::default(), Log::default());
            store.interleave(seed);
            let (one, two, three) = tokio::join!(
                process(&store, &log, mode, 3),
                late(seed % 29, process(&store, &log, mode, 3)),
                late(seed % 101, process(&store, &log, mode, 4)),
            );
            for outcome in [one, two, three] {
                if let Err(error) = outcome {
                    assert_eq!(
                        error.kind(),
                        ErrorKind::Invalid,
                        "{mode:?}: seed {seed}: {error}"
                    );
                    let text = error.to_string();
                    let why = ["another run", "is gone: another run has taken over"];
                    assert!(
                        why.iter().any(|why| text.contains(why)),
                        "{mode:?}: seed {seed}: {text}"
                    );
                    stopped += 1;
                }
            }
            let mut lists = store.objects().await;
            lists.retain(|name, _| name.starts_with("_azud/") && name.matches('/').count() == 1);
            lists.remove("_azud/owner.json");
            let shown = log.last().unwrap().epoch.number;
            let expected = match mode {
                Mode::Complete => vec![format!("_azud/{shown}.json")],
                _ => (0..=shown).map(|one| format!("_azud/{one}.json")).collect(),
            };
            let found: Vec<String> = lists.into_keys().collect();
            assert_eq!(found, expected, "{mode:?}: seed {seed}");
            process(&store, &log, mode, 5).await.unwrap();
            assert_eq!(log.last().unwrap().epoch.number, 4);
            assert_clean(&store, mode, 5, &format!("{mode:?}: seed {seed}")).await;
        }
    }
    assert!(stopped > 600, "{stopped}");
}

async fn late<T>(turns: u64, work: impl Future<Output = T>) -> T {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    work.await
}

/// Two copies of a checkpoint on disks have the same generation: the place itself tells.
#[tokio::test]
async fn without_generations_the_last_start_counts() {
    let store = Store::default();
    let start = Recovery {
        generation: 0,
        ..Log::default().open("run-a")
    };
    let (old, new) = (sink(&store, Mode::Append), sink(&store, Mode::Append));
    let mut older = Open::new(&old, &start).await.unwrap();
    let mut newer = Open::new(&new, &start).await.unwrap();
    let (late, mine) = (
        older.prepare(0).await.unwrap(),
        newer.prepare(0).await.unwrap(),
    );
    let error = older.commit(0, &late).await.unwrap_err();
    assert_eq!(error.to_string(), TAKEN);
    newer.commit(0, &mine).await.unwrap();
    assert_eq!(store.visible().await, expected(1));
}
