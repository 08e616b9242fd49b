//! MB/s, beside plain writes and syncs of the same bytes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use azud_connect::{Journal, JournalOptions, LocalDisk, Read, Records};
use azud_model::ByteSize;

use crate::seconds;
use crate::source::{self, RECORD, records};

/// As many records as a chunk has that is full.
const CHUNK: usize = 256;

/// So many chunks are one group: 4 MiB, as the pump makes them.
const GROUP: usize = 16;

const ROUNDS: usize = 4;

pub(crate) fn run(folder: &Path, mib: usize) -> Result<()> {
    let chunks = mib * 1024 * 1024 / RECORD / CHUNK / ROUNDS;
    let bytes = (chunks * CHUNK * RECORD) as f64 / 1e6;
    let chunk = records(1, CHUNK);
    let mut totals = [0.0; 4];
    println!("throughput, {mib} MiB of 1 KB records, MB/s:");
    println!("  one sync at the end | one sync a group | journal | journaled and read back");
    // In turns: what else the machine does falls on all of them.
    for _ in 0..ROUNDS {
        let round = [
            seconds(|| plain(folder, &chunk, chunks, chunks))?,
            seconds(|| plain(folder, &chunk, chunks, GROUP))?,
            seconds(|| journal(folder, &chunk, chunks))?,
            seconds(|| journaled(folder, &chunk, chunks))?,
        ];
        let rates: Vec<String> = round.iter().map(|s| format!("{:.0}", bytes / s)).collect();
        println!("  {}", rates.join(" | "));
        for (total, seconds) in totals.iter_mut().zip(round) {
            *total += seconds;
        }
        for left in ["plain", "log", "journaled"] {
            let path = folder.join(left);
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
        }
    }
    let [once, grouped, log, whole] = totals;
    println!("  journal / one sync a group: {:.2}", grouped / log);
    println!("  journal / one sync at the end: {:.2}", once / log);
    println!(
        "  journaled and read back / one sync a group: {:.2}",
        grouped / whole
    );
    Ok(())
}

fn plain(folder: &Path, chunk: &Records, chunks: usize, group: usize) -> Result<()> {
    let mut file = File::create(folder.join("plain"))?;
    for number in 1..=chunks {
        file.write_all(&chunk.payload.bytes)?;
        if number % group == 0 || number == chunks {
            file.sync_data()?;
        }
    }
    Ok(())
}

fn journal(folder: &Path, chunk: &Records, chunks: usize) -> Result<()> {
    let options = JournalOptions {
        max_bytes: ByteSize::from_mib(4096),
        ..JournalOptions::default()
    };
    let (mut journal, _) =
        Journal::open(Arc::new(LocalDisk), &folder.join("log"), options, None, 1)?;
    for number in 1..=chunks {
        journal.append(chunk)?;
        if number % GROUP == 0 {
            journal.sync()?;
        }
    }
    Ok(journal.sync()?)
}

/// Everything: the source's channel, the pump, the disk, and reading it back.
fn journaled(folder: &Path, chunk: &Records, chunks: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    runtime.block_on(async {
        let mut run = source::open(&folder.join("journaled")).await?;
        let (feed, chunk) = (run.feed, chunk.clone());
        let sent = tokio::spawn(async move {
            for _ in 0..chunks {
                // A reader that has gone says why below.
                let _ = feed.send(chunk.clone()).await;
            }
        });
        let mut records = 0;
        while let Read::Records(read) = run.reader.next().await? {
            records += read.len();
        }
        sent.await?;
        anyhow::ensure!(records == chunks * CHUNK, "{records} records came");
        Ok(())
    })
}
