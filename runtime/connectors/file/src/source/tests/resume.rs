//! A pipeline that comes back: nothing is read twice, nothing is passed over.

use std::collections::BTreeSet;

use super::looks::dealer;
use super::*;
use crate::source::place;

fn make(home: &Path, lanes: usize, framing: Framing, options: Value) -> Arc<dyn Source> {
    crate::source::make(options, context(home, lanes, true, framing)).unwrap()
}

/// One epoch of all readers, and where they stand then; whether there is more.
async fn epoch(
    source: &Arc<dyn Source>,
    resume: &[Position],
    out: &mut Vec<String>,
) -> (Vec<Position>, bool) {
    let mut positions = Vec::new();
    let mut more = false;
    for mut reader in source.open(resume).await.unwrap() {
        reader.start_epoch();
        loop {
            match reader.next().await.unwrap() {
                Read::Records(records) => out.extend(texts(&records)),
                Read::EpochFull => break more = true,
                Read::End => break,
            }
        }
        positions.extend(reader.positions());
    }
    (positions, more)
}

fn position(name: &str, next: &str) -> Position {
    Position {
        partition: Arc::new(azud_model::Partition {
            source: "in".into(),
            name: name.into(),
        }),
        next: next.into(),
    }
}

fn names(positions: &[Position]) -> Vec<String> {
    let mut names: Vec<_> = positions
        .iter()
        .map(|one| one.partition.name.clone())
        .collect();
    names.sort();
    names
}

/// Dies after every epoch, and comes back with another number of readers; a
/// file comes, and one that was read goes.
#[tokio::test]
async fn each_record_is_read_once_however_often_it_dies() {
    let lines = |of: &str| -> String { (0..100).map(|n| format!("{of}{n},\"x\ny\"\n")).collect() };
    for framing in [
        Framing::Csv { header: true },
        Framing::Csv { header: false },
        Framing::Lines,
    ] {
        for rows in [1, 7, 64, 1000] {
            let home = tempfile::tempdir().unwrap();
            write(home.path(), "in/a", format!("n,x\n{}", lines("a")), 50);
            write(
                home.path(),
                "in/b.gz",
                gzip(format!("n,x\n{}", lines("b")).as_bytes()),
                40,
            );
            let packed = zstd::encode_all(format!("n,x\n{}", lines("c")).as_bytes(), 1).unwrap();
            write(home.path(), "in/c.zst", packed, 30);
            let options = || json!({"path": "in", "max_rows": rows});
            let (mut expected, _) = read_all(&make(home.path(), 1, framing, options()), &[]).await;

            let (mut seen, mut resume) = (Vec::new(), Vec::new());
            for start in 0.. {
                let source = make(home.path(), 1 + start % 3, framing, options());
                let (positions, more) = epoch(&source, &resume, &mut seen).await;
                resume = positions;
                if start == 2 {
                    write(home.path(), "in/late", format!("n,x\n{}", lines("d")), 60);
                    let late = make(home.path(), 1, framing, json!({"path": "in/late"}));
                    expected.extend(read_all(&late, &[]).await.0);
                }
                if !more && start > 2 {
                    break;
                }
            }
            seen.sort();
            expected.sort();
            assert_eq!(seen.len(), expected.len(), "{framing:?} {rows}");
            assert_eq!(seen, expected, "{framing:?} {rows}");
            assert_eq!(names(&resume), ["in/a", "in/b.gz", "in/c.zst", "in/late"]);

            // What is gone is forgotten.
            fs::remove_file(home.path().join("in/a")).unwrap();
            let source = make(home.path(), 2, framing, options());
            let (positions, _) = epoch(&source, &resume, &mut seen).await;
            assert_eq!(names(&positions), ["in/b.gz", "in/c.zst", "in/late"]);
            assert_eq!(seen.len(), expected.len());
        }
    }
}

/// The same files, whatever the manifest calls the folder.
#[tokio::test]
async fn a_path_may_be_written_in_another_way() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/a", "1\n2\n3\n", 50);
    write(home.path(), "in/b", "4\n5\n6\n", 40);
    let open = |path: &str| {
        let options = json!({"path": path, "max_rows": 2});
        make(home.path(), 1, Framing::Lines, options)
    };
    let (mut seen, mut resume) = (Vec::new(), Vec::new());
    for path in ["in", "./in", "././in/", "in//", "in/*", "./in/?"] {
        (resume, _) = epoch(&open(path), &resume, &mut seen).await;
    }
    let rows: Vec<&str> = seen
        .iter()
        .filter_map(|row| row.rsplit(':').next())
        .collect();
    assert_eq!(rows, ["1", "2", "3", "4", "5", "6"], "{seen:?}");
    assert_eq!(resume.len(), 2, "{:?}", names(&resume));
}

/// Of some files nothing was given yet in this run: their places are the old ones.
#[tokio::test]
async fn places_that_nobody_has_come_to_are_recorded_again() {
    let home = tempfile::tempdir().unwrap();
    let names_of = ["in/done", "in/half1", "in/half2", "in/half3", "in/new"];
    for name in names_of {
        write(home.path(), name, "1\n2\n3\n", 10);
    }
    let half = "{\"offset\":0,\"line\":0,\"next\":2,\"done\":false}";
    let done = "{\"offset\":6,\"line\":4,\"next\":4,\"done\":true,\"size\":6}";
    let resume = [
        position("in/done", done),
        position("in/half1", half),
        position("in/half2", half),
        position("in/half3", half),
    ];
    let all = |readers: &[Box<dyn SourceReader>]| {
        let positions = readers.iter().flat_map(|reader| reader.positions());
        let positions: BTreeSet<_> = positions
            .map(|one| (one.partition.name.clone(), one.next.clone()))
            .collect();
        positions.into_iter().collect::<Vec<_>>()
    };
    let expected: Vec<_> = resume
        .iter()
        .map(|one| (one.partition.name.clone(), one.next.clone()))
        .collect();
    for lanes in [1, 3] {
        let source = make(home.path(), lanes, Framing::Lines, json!({"path": "in"}));
        let mut readers = source.open(&resume).await.unwrap();
        assert_eq!(readers.len(), lanes);
        assert_eq!(all(&readers), expected, "{lanes}");
        // Opened, and cut short before the first record.
        for reader in &mut readers {
            let cut = std::future::poll_fn(|context| {
                let _ = reader.as_mut().next().as_mut().poll(context);
                std::task::Poll::Ready(())
            });
            cut.await;
        }
        // A chunk may have been there at once.
        let stand = all(&readers);
        assert_eq!(stand.len(), expected.len(), "{stand:?}");
        for ((name, next), (old_name, old)) in stand.iter().zip(&expected) {
            let is_further = next == "{\"offset\":6,\"line\":4,\"next\":4,\"done\":false}";
            assert!(name == old_name && (next == old || is_further), "{stand:?}");
        }
    }

    // None of them has settled.
    let clock = Arc::new(ManualClock::at(0));
    let context = SourceContext {
        pipeline: "test".into(),
        clock: clock.clone(),
        ..context(home.path(), 2, false, Framing::Lines)
    };
    let options = json!({"path": "in", "settle": "2s", "poll": "10ms"});
    let source = crate::source::make(options, context).unwrap();
    let mut readers = source.open(&resume).await.unwrap();
    assert_eq!(all(&readers), expected);
    fs::remove_file(home.path().join("in/done")).unwrap();
    fs::remove_file(home.path().join("in/half1")).unwrap();
    assert!(look(&clock, &mut readers[1]).await.is_none());
    assert_eq!(all(&readers), expected[2..]);
}

/// To go on at its end would be to skip what is there now.
#[tokio::test]
async fn a_file_that_became_shorter_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let long: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    // Behind the second chunk, and within the first.
    for (rows, expected) in [(8000, 8000), (10, 10)] {
        for packs in [false, true] {
            let content = |text: &str| match packs {
                true => gzip(text.as_bytes()),
                false => text.as_bytes().to_vec(),
            };
            write(home.path(), "a", content(&long), 10);
            let options = json!({"path": "a", "max_rows": rows});
            let source = make(home.path(), 1, Framing::Lines, options);
            let (mut seen, mut resume) = (Vec::new(), Vec::new());
            (resume, _) = epoch(&source, &resume, &mut seen).await;
            assert_eq!(seen.len(), expected);
            for shorter in ["1\n2\n3\n", ""] {
                write(home.path(), "a", content(shorter), 0);
                let error = read_all(&source, &resume).await;
                let message = format!(
                    "file `a` ends before line {expected}, up to which it was read before: it was \
                     replaced or cut; put it back as it was, or give what is there now another name"
                );
                assert_eq!(error, (Vec::new(), Some(message)), "{rows} {packs}");
            }
            write(home.path(), "a", content(&long), 10);
            (_, _) = epoch(&source, &resume, &mut seen).await;
            assert_eq!(seen.len(), (2 * expected).min(10_000));
        }
    }
}

#[tokio::test]
async fn what_happened_to_files_meanwhile_is_told() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/grown", "1\n2\n", 10);
    write(home.path(), "in/same", "1\n2\n", 10);
    let done = "{\"offset\":2,\"line\":2,\"next\":2,\"done\":true,\"size\":2}";
    let half = "{\"offset\":0,\"line\":0,\"next\":2,\"done\":false}";
    let same = "{\"offset\":4,\"line\":3,\"next\":3,\"done\":true,\"size\":4}";
    let resume = [
        position("in/gone", half),
        position("in/gone-but-read", done),
        position("in/grown", done),
        position("in/same", same),
    ];
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let dealer = dealer(home.path(), clock, json!({"path": "in"}));
    dealer.resume(place::read(&resume).unwrap());
    assert_eq!(
        dealer.look().unwrap(),
        [
            "`in/gone` was read up to line 1 before, and is gone: what followed is not read",
            "`in/grown` grew after it was read: what follows line 1 is not read",
        ]
    );
    assert_eq!(looks::dealt(&dealer), Vec::<String>::new());
    let mut left: Vec<_> = dealer
        .untouched()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    left.sort();
    assert_eq!(left, ["in/grown", "in/same"]);
}

/// A reader may begin a file after another one has spoken for it.
#[test]
fn of_two_places_of_a_file_the_further_counts() {
    let near = position(
        "in/a",
        "{\"offset\":0,\"line\":0,\"next\":2,\"done\":false}",
    );
    let far = position(
        "in/a",
        "{\"offset\":0,\"line\":0,\"next\":9,\"done\":false}",
    );
    for both in [[near.clone(), far.clone()], [far, near]] {
        assert_eq!(place::read(&both).unwrap()["in/a"].next, 9);
    }
}

/// Its first one was read to its end by one reader, the second one is read by the other.
#[tokio::test]
async fn a_file_that_is_there_again_has_one_place() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/a", "1\n2\n3\n", 10);
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let context = SourceContext {
        pipeline: "test".into(),
        clock: clock.clone(),
        ..context(home.path(), 2, false, Framing::Lines)
    };
    let options = json!({"path": "in", "max_rows": 4, "poll": "1ms"});
    let source = crate::source::make(options, context).unwrap();
    let mut readers = source.open(&[]).await.unwrap();
    for rows in [2, 1] {
        readers[0].start_epoch();
        let Some(Read::Records(records)) = look(&clock, &mut readers[0]).await else {
            panic!()
        };
        assert_eq!(records.len(), rows);
    }
    readers[0].start_epoch();
    assert!(look(&clock, &mut readers[0]).await.is_none());
    assert!(readers[0].positions()[0].next.contains("\"done\":true"));
    fs::remove_file(home.path().join("in/a")).unwrap();
    assert!(look(&clock, &mut readers[0]).await.is_none());
    assert!(readers[0].positions().is_empty());
    write(home.path(), "in/a", "4\n5\n6\n", 10);
    readers[1].start_epoch();
    let Some(Read::Records(records)) = look(&clock, &mut readers[1]).await else {
        panic!()
    };
    assert_eq!(texts(&records), ["in/a:1:4", "in/a:2:5"]);
    let positions: Vec<_> = readers
        .iter()
        .flat_map(|reader| reader.positions())
        .collect();
    assert_eq!(positions.len(), 1);
    assert!(positions[0].next.contains("\"done\":false"));
}
