//! What a sink answers. What it accepts it keeps, and writes to `taken/rows.txt` when
//! it is flushed, where that folder is granted.

use std::{cell::RefCell, fs, io::Write as _};

use crate::{
    Batch, Flushed, Outcome,
    azud::plugin::types::Rejected,
    exports::azud::plugin::sink::{Partial, Retry},
    numbers,
};

thread_local! {
    static KEPT: RefCell<Vec<i64>> = RefCell::default();
}

const FILE: &str = "taken/rows.txt";
/// There once it has trapped, so that it does so once.
const MARK: &str = "taken/trapped";

pub fn write(how: String, batch: &Batch) -> Outcome {
    let rows = batch.rows;
    let partial = |rejected: &[u32], retry: &[u32], after_ms| {
        let reject = |row: &u32| Rejected {
            row: *row,
            reason: "no".into(),
        };
        let rejected = rejected.iter().map(reject).collect();
        Outcome::Partial(Partial {
            rejected,
            retry: retry.to_vec(),
            after_ms,
        })
    };
    let retry = |after_ms| {
        let reason = "not\n\u{1b}[31mnow".into();
        Outcome::RetryAfter(Retry { after_ms, reason })
    };
    match how.as_str() {
        "rejects-beyond" => return partial(&[rows], &[], 0),
        "retries-beyond" => return partial(&[], &[rows, u32::MAX], 0),
        "names-twice" => return partial(&[0], &[0], 0),
        "retries-a-million" => return partial(&[], &vec![0; 1_000_000], 0),
        "retries-at-once" => return retry(0),
        "retries-never" => return retry(u32::MAX),
        "retries-rows-for-ever" => return partial(&[], &[seventh(batch)], 0),
        "fails" => return Outcome::Failed("never\n\u{1b}[31m".into()),
        "fails-at-length" => return Outcome::Failed("x".repeat(6 << 20)),
        "traps-once" if fs::metadata(MARK).is_err() => {
            fs::write(MARK, "").unwrap();
            panic!("once");
        }
        _ => {}
    }
    KEPT.with_borrow_mut(|kept| kept.extend(numbers(batch)));
    Outcome::Accepted
}

fn seventh(batch: &Batch) -> u32 {
    numbers(batch)
        .iter()
        .position(|n| *n == 7)
        .unwrap_or_default() as u32
}

pub fn flush(how: String) -> Flushed {
    match how.as_str() {
        "fails" => return Flushed::Failed("never\n\u{1b}[31m".into()),
        "traps-once" if fs::metadata(MARK).is_err() => {
            fs::write(MARK, "").unwrap();
            panic!("once");
        }
        "retries-never" => {
            return Flushed::RetryAfter(Retry {
                after_ms: u32::MAX,
                reason: "busy".into(),
            });
        }
        _ => {}
    }
    let kept = KEPT.take();
    if let Ok(mut file) = fs::OpenOptions::new().append(true).create(true).open(FILE) {
        let text: String = kept.iter().map(|n| format!("{n}\n")).collect();
        file.write_all(text.as_bytes()).unwrap();
    }
    Flushed::Done
}
