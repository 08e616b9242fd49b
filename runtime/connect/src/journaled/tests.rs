//! A journaled source over one that pushes, on a disk whose power is cut.

use std::io::ErrorKind as IoKind;
use std::time::Duration;

use azud_model::{Error, ErrorKind};

use super::script::*;
use crate::{Fails, JournalOptions, OnFull, Read, SimulatedDisk, Source};

fn default() -> JournalOptions {
    JournalOptions::default()
}

/// Until it is so, or ten seconds: there is nothing to wait for that says so.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never was");
}

#[tokio::test]
async fn it_acknowledges_what_is_durable_and_gives_it_in_order() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    let (feed, reader) = (&run.feeds[0], &mut run.readers[0]);
    feed.send(chunk("a#1", 1, &["one", "two"])).await.unwrap();
    assert_eq!(next(reader).await, ["a#1:1:one", "a#1:2:two"]);
    feed.send(chunk("b#2", 1, &["three"])).await.unwrap();
    assert_eq!(next(reader).await, ["b#2:1:three"]);
    until(|| run.told.lock().unwrap().len() == 4).await;
    assert_eq!(
        *run.told.lock().unwrap(),
        [
            "gave a#1:1:one a#1:2:two",
            "acknowledged [2]",
            "gave b#2:1:three",
            "acknowledged [3]",
        ]
    );
    let positions = reader.positions();
    assert_eq!(positions.len(), 1);
    assert_eq!(positions[0].partition.name, "journal-0");
    assert!(
        positions[0].next.ends_with(r#""next":4}"#),
        "{}",
        positions[0].next
    );
    feed.send(Ok(Read::End)).await.unwrap();
    assert!(matches!(reader.next().await.unwrap(), Read::End));
}

#[tokio::test]
async fn what_is_ready_is_synced_at_once() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    let before = disk.mutations();
    for n in 1..=100 {
        run.feeds[0].try_send(chunk("a", n, &["x"])).unwrap();
    }
    for n in 1..=100 {
        assert_eq!(next(&mut run.readers[0]).await, [format!("a:{n}:x")]);
    }
    until(|| run.told.lock().unwrap().last().unwrap() == "acknowledged [100]").await;
    // Tests have one thread: all were sent before the pump ran, and went into one write and one sync.
    assert_eq!(disk.mutations() - before, 2);
    assert_eq!(run.told.lock().unwrap().len(), 101);
}

#[tokio::test]
async fn it_goes_on_where_the_checkpoint_is_or_at_its_start() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    for (n, line) in [(1, "one"), (2, "two"), (3, "three")] {
        run.feeds[0].send(chunk("a", n, &[line])).await.unwrap();
    }
    assert_eq!(next(&mut run.readers[0]).await, ["a:1:one"]);
    let recorded = run.readers[0].positions();
    until(|| run.told.lock().unwrap().last().unwrap() == "acknowledged [3]").await;
    drop(run);
    let disk = disk.crash(3);

    let mut run = start(&disk, 1, default(), false, &recorded).await.unwrap();
    // Also before anything is read.
    assert_eq!(run.readers[0].positions(), recorded);
    assert_eq!(next(&mut run.readers[0]).await, ["a:2:two"]);
    run.feeds[0].send(chunk("b", 1, &["new"])).await.unwrap();
    assert_eq!(next(&mut run.readers[0]).await, ["a:3:three"]);
    assert_eq!(next(&mut run.readers[0]).await, ["b:1:new"]);
    drop(run);

    // Nothing was recorded: all of it is new.
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    for line in ["a:1:one", "a:2:two", "a:3:three", "b:1:new"] {
        assert_eq!(next(&mut run.readers[0]).await, [line]);
    }
}

#[tokio::test]
async fn a_position_that_is_not_in_the_journal_is_refused() {
    let disk = SimulatedDisk::new();
    let run = start(&disk, 1, default(), false, &[]).await.unwrap();
    let mut recorded = run.readers[0].positions();
    drop(run);
    let refused = async |disk: &SimulatedDisk, recorded: &[azud_model::Position]| {
        let error = start(disk, 1, default(), false, recorded).await;
        let error = error.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let text = format!(
        "the journal in {FOLDER}/0 does not have the recorded position {}: there is no journal",
        recorded[0].next
    );
    let error = refused(&SimulatedDisk::new(), &recorded).await;
    assert!(error.starts_with(&text), "{error}");
    recorded[0].next = recorded[0].next.replace(":1}", ":2}");
    let error = refused(&disk, &recorded).await;
    assert!(error.contains("it ends before record 1"), "{error}");
    recorded[0].partition = std::sync::Arc::new(azud_model::Partition {
        source: "lines".into(),
        name: "a#1".into(),
    });
    let error = refused(&disk, &recorded).await;
    let text = format!("the recorded position of `a#1` is none of the journal in {FOLDER}");
    assert!(error.starts_with(&text), "{error}");
}

#[tokio::test]
async fn what_is_away_is_asked_again_and_what_is_wrong_is_told_at_the_end() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    let (feed, reader) = (&run.feeds[0], &mut run.readers[0]);
    for step in [
        Err(Error::unavailable("away")),
        chunk("a", 1, &["one"]),
        Err(Error::invalid("wrong")),
    ] {
        feed.send(step).await.unwrap();
    }
    assert_eq!(next(reader).await, ["a:1:one"]);
    let error = reader.next().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Invalid, "wrong".into())
    );
    assert_eq!(run.told.lock().unwrap().last().unwrap(), "acknowledged [1]");
}

/// The bound is that of the last chunk: it was read before its size was known.
#[tokio::test]
async fn a_full_journal_is_not_read_for_until_an_epoch_is_committed() {
    let disk = SimulatedDisk::new();
    let options = options(4000, OnFull::Wait);
    let mut run = start(&disk, 1, options, false, &[]).await.unwrap();
    let text = "x".repeat(500);
    let given = |run: &Run| {
        run.told
            .lock()
            .unwrap()
            .iter()
            .filter(|t| t.starts_with("gave"))
            .count()
    };
    for n in 1..=40 {
        run.feeds[0].try_send(chunk("a", n, &[&text])).unwrap();
    }
    let mut all = 0;
    let mut stops = Vec::new();
    while all < 40 {
        // Everything there is, until the pump does not read.
        loop {
            let read = tokio::time::timeout(Duration::from_millis(100), run.readers[0].next());
            match read.await {
                Ok(read) => {
                    let Read::Records(records) = read.unwrap() else {
                        panic!()
                    };
                    all += records.len();
                    assert_eq!(lines(&records), [format!("a:{all}:{text}")]);
                }
                Err(_) => break,
            }
        }
        assert!(disk.used() < 4000 + 600, "{}", disk.used());
        stops.push(given(&run));
        let positions = run.readers[0].positions();
        run.source.committed(&positions).await.unwrap();
    }
    assert!(stops.len() > 4, "{stops:?}");
    assert_eq!(given(&run), 40);
    assert_eq!(run.source.dropped(), 0);
}

#[tokio::test]
async fn a_full_journal_drops_what_is_new_and_counts_it() {
    let disk = SimulatedDisk::new();
    let options = options(4000, OnFull::Drop);
    let mut run = start(&disk, 1, options, false, &[]).await.unwrap();
    let text = "x".repeat(500);
    for n in 1..=40 {
        run.feeds[0]
            .try_send(chunk("a", n * 2 - 1, &[&text, "y"]))
            .unwrap();
    }
    run.feeds[0].try_send(Ok(Read::End)).unwrap();
    let mut all = Vec::new();
    while let Read::Records(records) = run.readers[0].next().await.unwrap() {
        all.extend(lines(&records));
    }
    assert!(disk.used() <= 4000, "{}", disk.used());
    assert!(disk.used() > 3000, "{}", disk.used());
    // The first ones are kept.
    let kept: Vec<String> = (1..=all.len())
        .map(|n| format!("a:{n}:{}", if n % 2 == 1 { &text } else { "y" }))
        .collect();
    assert_eq!(all, kept);
    assert_eq!(run.source.dropped() as usize, 80 - all.len());
}

#[tokio::test]
async fn a_finite_run_that_fills_its_journal_says_so() {
    let disk = SimulatedDisk::new();
    let options = options(1000, OnFull::Wait);
    let mut run = start(&disk, 1, options, true, &[]).await.unwrap();
    let text = "x".repeat(990);
    for n in 1..=2 {
        run.feeds[0].send(chunk("a", n, &[&text])).await.unwrap();
        until(|| run.feeds[0].capacity() == 1000).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(next(&mut run.readers[0]).await, [format!("a:1:{text}")]);
    let error = run.readers[0].next().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal is full: it has 1KB, and a run with `trigger: once` commits at its end \
         only; raise `journal_size`"
    );
}

#[tokio::test]
async fn a_full_disk_is_waited_for_and_nothing_is_acknowledged_before() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    disk.set_capacity(Some(disk.used() + 20));
    run.feeds[0].send(chunk("a", 1, &["one"])).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(250), run.readers[0].next());
    assert!(nothing.await.is_err());
    assert_eq!(*run.told.lock().unwrap(), ["gave a:1:one"]);
    disk.set_capacity(None);
    assert_eq!(next(&mut run.readers[0]).await, ["a:1:one"]);
    until(|| run.told.lock().unwrap().len() == 2).await;
    assert_eq!(run.told.lock().unwrap()[1], "acknowledged [1]");
}

#[tokio::test]
async fn a_sync_that_fails_ends_it_without_an_acknowledgement() {
    let disk = SimulatedDisk::new();
    let mut run = start(&disk, 1, default(), false, &[]).await.unwrap();
    run.feeds[0].send(chunk("a", 1, &["one"])).await.unwrap();
    assert_eq!(next(&mut run.readers[0]).await, ["a:1:one"]);
    until(|| run.told.lock().unwrap().len() == 2).await;
    disk.fail_at(disk.mutations() + 1, Fails::Once, IoKind::Other);
    run.feeds[0].send(chunk("a", 2, &["two"])).await.unwrap();
    let error = run.readers[0].next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("cannot sync"), "{error}");
    assert_eq!(run.told.lock().unwrap()[2..], ["gave a:2:two"]);
}

#[test]
fn what_it_does_not_do_itself_the_inner_source_does() {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let run = start(&SimulatedDisk::new(), 1, default(), false, &[])
                .await
                .unwrap();
            assert_eq!(run.source.check().unwrap_err().to_string(), "checked");
            assert_eq!(run.source.watches().unwrap(), "somewhere");
            assert!(run.source.schema().is_none());
        });
}
