//! Wrong answers, and calls that never answer.

use std::hint::black_box;

use crate::azud::plugin::log::{self, Level};
use crate::azud::plugin::types::{Batch, Rejected};
use crate::exports::azud::plugin::keyed::{Answer, Owned};

pub fn spoil(how: &str, mut answer: Answer) -> Result<Answer, String> {
    let reject = |row: u32| Rejected {
        row,
        reason: "bad\u{1b}[2J".into(),
    };
    match how {
        "fails" => return Err("not today\u{1b}[2J".into()),
        "traps" => {
            log::log(Level::Debug, "the last line");
            panic!("in a call");
        }
        "loops" => loop {
            black_box(0);
        },
        "eats-memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "no-changes" => answer.changes.clear(),
        "short-values" => drop(answer.changes[0].put.rows.buffers[1].pop()),
        "rows-lie" => answer.changes[0].put.rows.rows = u32::MAX,
        "output-lies" => answer.output.rows = u32::MAX,
        "extra-buffer" => answer.changes[0].put.rows.buffers.push(Vec::new()),
        "put-beyond" => answer.changes[0].put.groups = keys(&answer, 99),
        "put-short" => drop(answer.changes[0].put.groups.pop()),
        "cleared-beyond" => answer.changes[0].cleared = 3_u32.to_le_bytes().to_vec(),
        "cleared-half" => answer.changes[0].cleared = vec![0; 3],
        "removed-of-value" => {
            answer.changes[0].removed = Owned {
                rows: Batch {
                    rows: 1,
                    buffers: Vec::new(),
                },
                groups: Vec::new(),
            };
        }
        "timer-beyond" => answer.set.groups = 3_u32.to_le_bytes().to_vec(),
        "timer-half" => drop(answer.set.times.pop()),
        "timer-kind" => answer.set.kinds = vec![2],
        "timer-no-kind" => answer.set.kinds.clear(),
        "deleted-half" => answer.deleted.groups = vec![1],
        "rejects-beyond" => answer.rejected = vec![reject(4)],
        "rejects-twice" => answer.rejected = vec![reject(1), reject(1)],
        "rejects" => answer.rejected = vec![reject(1)],
        "nulls" => answer.changes[0].put.rows.buffers[0] = vec![0b101],
        _ => {}
    }
    Ok(answer)
}

/// The keys of what is put, but for the first.
fn keys(answer: &Answer, first: u32) -> Vec<u8> {
    let mut groups = answer.changes[0].put.groups.clone();
    groups[..4].copy_from_slice(&first.to_le_bytes());
    groups
}
