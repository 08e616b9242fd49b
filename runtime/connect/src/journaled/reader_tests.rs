//! Reading that is given up at any moment, and journals of more readers than there are.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::script::*;
use crate::{JournalOptions, OnFull, Read, SimulatedDisk, Source};

/// Calls `next` again and again, and drops it after so many polls.
async fn impatient(reader: &mut Box<dyn crate::SourceReader>, polls: usize) -> Read {
    loop {
        {
            let mut next = pin!(reader.next());
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(read) = next.as_mut().poll(&mut context) {
                    return read.unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_may_be_given_up_at_any_moment() {
    for polls in 1..6 {
        let disk = SimulatedDisk::new();
        let options = options(100_000, OnFull::Wait);
        let mut run = start(&disk, 1, options, false, &[]).await.unwrap();
        let mut expected = Vec::new();
        for n in 0..200 {
            let lines = ["x".repeat(n), n.to_string()];
            let lines = lines.each_ref().map(String::as_str);
            run.feeds[0]
                .send(chunk("a", n as u64 * 2 + 1, &lines))
                .await
                .unwrap();
            expected.push(format!("a:{}:{}", n * 2 + 1, lines[0]));
            expected.push(format!("a:{}:{}", n * 2 + 2, lines[1]));
        }
        run.feeds[0].send(Ok(Read::End)).await.unwrap();
        let mut all = Vec::new();
        while let Read::Records(records) = impatient(&mut run.readers[0], polls).await {
            all.extend(lines(&records));
            let position = run.readers[0].positions().remove(0).next;
            let next = format!(r#""next":{}}}"#, all.len() + 1);
            assert!(position.ends_with(&next), "{position}");
        }
        assert_eq!(all, expected, "{polls}");
    }
}

#[tokio::test]
async fn journals_of_more_readers_are_read_to_their_end_first() {
    let disk = SimulatedDisk::new();
    let options = JournalOptions::default();
    let mut run = start(&disk, 3, options, false, &[]).await.unwrap();
    for (number, name) in ["a", "b", "c"].iter().enumerate() {
        run.feeds[number]
            .send(chunk(name, 1, &["one"]))
            .await
            .unwrap();
        run.feeds[number]
            .send(chunk(name, 2, &["two"]))
            .await
            .unwrap();
        assert_eq!(
            next(&mut run.readers[number]).await,
            [format!("{name}:1:one")]
        );
        assert_eq!(
            next(&mut run.readers[number]).await,
            [format!("{name}:2:two")]
        );
    }
    let recorded: Vec<_> = run
        .readers
        .iter()
        .flat_map(|reader| reader.positions())
        .collect();
    let names: Vec<_> = recorded
        .iter()
        .map(|one| one.partition.name.as_str())
        .collect();
    assert_eq!(names, ["journal-0", "journal-1", "journal-2"]);
    drop(run);

    // Of the second the position is at its end, of the others nothing is recorded.
    let mut run = start(&disk, 1, options, false, &recorded[1..2])
        .await
        .unwrap();
    run.feeds[0]
        .send(chunk("new", 1, &["three"]))
        .await
        .unwrap();
    let reader = &mut run.readers[0];
    let mut all = Vec::new();
    for _ in 0..5 {
        all.extend(next(reader).await);
    }
    assert_eq!(
        all,
        ["c:1:one", "c:2:two", "a:1:one", "a:2:two", "new:1:three"]
    );
    let positions = reader.positions();
    let mut names: Vec<_> = positions
        .iter()
        .map(|one| one.partition.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["journal-0", "journal-1", "journal-2"]);
    run.source.committed(&positions).await.unwrap();
    // A commit after the readers have gone removes, too.
    run.readers.clear();
    run.source.committed(&positions).await.unwrap();
    drop(run);
    let mut run = start(&disk, 1, options, false, &positions).await.unwrap();
    run.feeds[0].send(chunk("new", 2, &["four"])).await.unwrap();
    assert_eq!(next(&mut run.readers[0]).await, ["new:2:four"]);
}

/// The pump is stopped wherever it is, again and again, and started at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_dropped_writes_no_more() {
    let disk = SimulatedDisk::new();
    let mut acknowledged = 0;
    for round in 0..200_u64 {
        let options = JournalOptions::default();
        let run = start(&disk, 1, options, false, &[]).await.unwrap();
        for n in 0..20 {
            run.feeds[0]
                .send(chunk("a", round * 100 + n, &["x"]))
                .await
                .unwrap();
        }
        for _ in 0..round % 20 {
            tokio::task::yield_now().await;
        }
        let told = run.told.clone();
        drop(run);
        let mutations = disk.mutations();
        tokio::task::yield_now().await;
        assert_eq!(disk.mutations(), mutations);
        let told = told.lock().unwrap();
        let last = told.iter().rev().find(|told| told.starts_with("ack"));
        if let Some(last) = last {
            let digits: String = last.chars().filter(char::is_ascii_digit).collect();
            let now: u64 = digits.parse().unwrap();
            assert!(now >= acknowledged, "{now} {acknowledged}");
            acknowledged = now;
        }
    }
    assert_eq!(files(&disk, 0).len(), 1);
}

/// Who goes back closes no connection: what came meanwhile is there, too.
#[tokio::test]
async fn it_receives_on_while_it_is_opened_again() {
    let disk = SimulatedDisk::new();
    let options = JournalOptions::default();
    let mut run = start(&disk, 2, options, false, &[]).await.unwrap();
    for (number, name) in ["a", "b"].iter().enumerate() {
        let feed = &run.feeds[number];
        feed.send(chunk(name, 1, &["one"])).await.unwrap();
        assert_eq!(
            next(&mut run.readers[number]).await,
            [format!("{name}:1:one")]
        );
    }
    let recorded = run.readers[0].positions();
    run.feeds[0].send(chunk("a", 2, &["two"])).await.unwrap();
    assert_eq!(next(&mut run.readers[0]).await, ["a:2:two"]);
    run.readers.clear();
    run.feeds[0].send(chunk("a", 3, &["three"])).await.unwrap();
    run.feeds[1].send(chunk("b", 2, &["two"])).await.unwrap();

    // Of the second nothing is recorded: it begins at its start.
    let mut readers = run.source.open(&recorded).await.unwrap();
    for (reader, expected) in [
        (0, "a:2:two"),
        (0, "a:3:three"),
        (1, "b:1:one"),
        (1, "b:2:two"),
    ] {
        assert_eq!(next(&mut readers[reader]).await, [expected]);
    }
    let positions: Vec<_> = readers.iter().flat_map(|it| it.positions()).collect();
    run.source.committed(&positions).await.unwrap();
    run.feeds[1].send(Ok(Read::End)).await.unwrap();
    assert!(matches!(readers[1].next().await.unwrap(), Read::End));
    drop(readers);

    // It has ended, and has still ended.
    let mut readers = run.source.open(&positions).await.unwrap();
    assert!(matches!(readers[1].next().await.unwrap(), Read::End));
    drop(readers);
    let elsewhere = [azud_model::Position {
        next: positions[0].next.replace(r#""next":4"#, r#""next":9"#),
        ..positions[0].clone()
    }];
    let error = run.source.open(&elsewhere).await.err().unwrap().to_string();
    assert!(error.contains("it ends before record 4"), "{error}");
}

/// A source that has failed is opened anew.
#[tokio::test]
async fn what_has_failed_begins_again() {
    let disk = SimulatedDisk::new();
    let options = JournalOptions::default();
    let mut run = start(&disk, 1, options, false, &[]).await.unwrap();
    let failure = azud_model::Error::invalid("refused");
    run.feeds[0].send(Err(failure)).await.unwrap();
    let error = run.readers[0].next().await.unwrap_err();
    assert_eq!(error.to_string(), "refused");
    run.readers.clear();
    // The script has no other reader to give: it was asked for one.
    assert!(run.source.open(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_given_is_known_also_after_a_restart() {
    let disk = SimulatedDisk::new();
    let options = JournalOptions::default();
    let mut run = start(&disk, 1, options, false, &[]).await.unwrap();
    let behind = |readers: &[Box<dyn crate::SourceReader>]| {
        let lags = readers.iter().filter_map(|reader| reader.lag());
        let lags = lags.flat_map(|lag| lag.list());
        lags.map(|(_, records)| records).sum::<u64>()
    };
    assert_eq!(behind(&run.readers), 0);
    for first in 0..4 {
        let lines = chunk("a", first * 2 + 1, &["one", "two"]);
        run.feeds[0].send(lines).await.unwrap();
    }
    while behind(&run.readers) < 8 {
        tokio::task::yield_now().await;
    }
    let lag = run.readers[0].lag().unwrap();
    assert_eq!(next(&mut run.readers[0]).await.len(), 2);
    assert_eq!(lag.list()[0].1, 6);
    assert_eq!(lag.list()[0].0.name, "journal-0");
    let positions = run.readers[0].positions();
    drop(run);
    let run = start(&disk, 1, options, false, &positions).await.unwrap();
    assert_eq!(behind(&run.readers), 6);
}
