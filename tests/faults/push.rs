//! A journaled socket in, a table and a plugin with transactions out: killed again and
//! again. What the journal had is counted: it must come out once, in order.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azud_connect::{Journal, JournalOptions, LocalDisk};

use crate::data::{Row, row};
use crate::process::{log, start};
use crate::pushed::{Sender, drain, guest, manifest, place, visible, wait_for};
use crate::seeds;
use crate::verdict::{Verdict, table};

const POINTS: [&str; 6] = [
    "after-fetch",
    "before-journal-sync",
    "after-journal-sync",
    "after-record",
    "before-commit",
    "after-commit",
];

/// The rows that the journal has, as a run that starts now would find them.
fn journaled(folder: &Path) -> Vec<Row> {
    let journal = folder.join("state/journal/rows/0");
    if !journal.is_dir() {
        return Vec::new();
    }
    let disk = Arc::new(LocalDisk);
    let opened = Journal::open(disk, &journal, JournalOptions::default(), None, 0);
    let (journal, mut cursor) = opened.unwrap();
    let mut rows = Vec::new();
    loop {
        let chunks = cursor.read(journal.next(), "rows").unwrap();
        if chunks.is_empty() {
            return rows;
        }
        for chunk in chunks {
            let records = chunk.payload.iter();
            rows.extend(records.map(|line| Row::of_json(std::str::from_utf8(line).unwrap())));
        }
    }
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Kills several times, then lets it finish; the verdict, and how long a start took at most.
fn run(seed: u64) -> Duration {
    let (folder, port) = place();
    let mut kept: BTreeSet<Row> = BTreeSet::new();
    let mut sent: Vec<u64> = Vec::new();
    let mut slowest = Duration::ZERO;
    for attempt in 0..4 {
        std::fs::write(
            folder.path().join("p.yaml"),
            manifest(port, 1 + (seed + attempt) % 2, ""),
        )
        .unwrap();
        let sender = Sender::start(seed, attempt, port);
        let random = row(seed, 1_000, attempt).checksum();
        let point = POINTS[usize::try_from(random % 6).unwrap()];
        let times = 1 + random / 7 % 12;
        let kill_at = format!("{point}:{times}");
        let before = visible(folder.path()).len();
        let started = Instant::now();
        let named = (attempt % 2 == 0).then_some(kill_at.as_str());
        let mut child = start(folder.path(), named, &[]);
        match named {
            Some(_) => wait_for(folder.path(), &kill_at, || {
                child.try_wait().unwrap().is_some()
            }),
            None => {
                let folder = folder.path();
                wait_for(folder, "no row", || visible(folder).len() > before);
                slowest = slowest.max(started.elapsed());
                std::thread::sleep(Duration::from_micros(random % 200_000));
                kill(&mut child);
            }
        }
        sent.push(sender.end());
        kept.extend(journaled(folder.path()));
    }
    // A last run that nobody kills: all that it is sent comes out.
    let last = 4;
    let sender = Sender::start(seed, last, port);
    let mut child = start(folder.path(), None, &[]);
    std::thread::sleep(Duration::from_millis(300));
    let count = sender.end();
    sent.push(count);
    kept.extend((0..count).map(|sequence| row(seed, last, sequence)));
    wait_for(folder.path(), "the last rows", || {
        let of_last =
            |rows: Vec<Row>| rows.iter().filter(|row| row.partition == last).count() as u64;
        of_last(visible(folder.path())) == count && of_last(guest(folder.path())) == count
    });
    drain(&mut child, folder.path());

    let known: BTreeSet<Row> = sent
        .iter()
        .enumerate()
        .flat_map(|(partition, count)| {
            (0..*count).map(move |sequence| (partition as u64, sequence))
        })
        .map(|(partition, sequence)| row(seed, partition, sequence))
        .collect();
    let all = table(&folder.path().join("all"));
    for (name, found) in [("all", all), ("guest", guest(folder.path()))] {
        // Each sender's rows come out without a gap: a segment that was removed before its
        // rows were committed would leave one.
        for partition in 0..=last {
            let own = found.iter().filter(|row| row.partition == partition);
            let sequences: Vec<u64> = own.map(|row| row.sequence).collect();
            let whole: Vec<u64> = (0..sequences.len() as u64).collect();
            assert!(
                sequences == whole,
                "seed {seed}: `{name}`: a gap in {partition}"
            );
        }
        // What came out was journaled, also where its segment was removed before a kill.
        let mut expected = kept.clone();
        expected.extend(found.iter().cloned());
        assert!(
            expected.is_subset(&known),
            "seed {seed}: rows that nobody has sent"
        );
        let verdict = Verdict::of(&expected.into_iter().collect::<Vec<_>>(), &found);
        assert!(
            verdict.is_good(),
            "seed {seed}: `{name}`: {verdict}\n{}",
            log(folder.path())
        );
    }
    slowest
}

#[test]
fn what_the_journal_had_comes_out_once() {
    let seeds = seeds(50);
    let count = seeds.end;
    let slowest = seeds.map(run).max().unwrap();
    println!(
        "{} kills of journaled pipelines: 0 missing, 0 doubled, 0 corrupt, 0 reordered",
        count * 4
    );
    println!("from the start to the first committed row: {slowest:?} at most (aim: 3 s)");
}
