//! What a transform answers.

use std::mem;

use crate::{Batch, Output, azud::plugin::types::Rejected, numbers, said};

pub fn answer(how: String, batch: Batch) -> Result<Output, String> {
    let rows = batch.rows;
    let mut out = right(rows);
    let seventh = numbers(&batch)
        .iter()
        .position(|n| *n == 7)
        .unwrap_or_default() as u32;
    let reject = |row, reason: &str| Rejected {
        row,
        reason: reason.into(),
    };
    match how.as_str() {
        "fails" => return Err("bad luck\n\u{1b}[31m\u{202e}".into()),
        "fails-at-length" => return Err("\u{1b}".repeat(8 << 20)),
        // 1,000 times the same region, which is 4 MiB.
        "aliases" => out.batch.buffers = alias(1_000, 4 << 20),
        "aliases-small" => out.batch.buffers = alias(1_000_000, 1),
        // A length beyond the memory.
        "claims-2-gib" => out.batch.buffers[2] = claim(0x7fff_ffff),
        "claims-rows" => out.batch.rows = u32::MAX,
        "claims-bits" => {
            out.batch.rows = 5_000_000;
            out.rows = vec![0; 20_000_000];
        }
        "short" => drop(out.batch.buffers.pop()),
        "offsets" => out.batch.buffers[1] = vec![0xff; 4 * (rows as usize + 1)],
        "nulls" => out.batch.buffers[0] = vec![0; rows.div_ceil(8) as usize],
        "bad-text" => out.batch.buffers[2] = vec![0xff; 2 * rows as usize],
        "rows-beyond" => out.rows = vec![0xee; 4 * rows as usize],
        "kept-and-rejected" => out.rejected.push(reject(seventh, "no")),
        "rejected-twice" => {
            out = right(0);
            out.rejected = vec![reject(0, "no"), reject(0, "no")];
        }
        "rejects-beyond" => out.rejected.push(reject(rows, "no")),
        // What was right is repeated, far beyond its bytes.
        "repeats" => {
            let many = 2_000_000;
            out.rows = vec![0; 4 * many];
            out.batch = texts(many as u32, "");
        }
        "rejects-many" | "rejects-a-million" => {
            let count = if how == "rejects-many" {
                500_000
            } else {
                1_000_000
            };
            out = right(0);
            out.rejected = (0..count).map(|row| reject(row, "")).collect();
        }
        "rejects-at-length" | "rejects-with-controls" => {
            let reason = match how.as_str() {
                "rejects-at-length" => "x".repeat(6 << 20),
                _ => "one\n\u{1b}[31mtwo\u{202e}".repeat(1_000),
            };
            out.rows = (0..rows)
                .filter(|row| *row != seventh)
                .flat_map(u32::to_le_bytes)
                .collect();
            out.batch = texts(rows - 1, "ok");
            out.rejected = vec![reject(seventh, &reason)];
        }
        // One region as the reason of every row.
        "rejects-with-one-reason" => {
            let reason = "x".repeat(4 << 20);
            out = right(0);
            out.rejected = (0..rows)
                .map(|row| Rejected {
                    row,
                    reason: again(&reason),
                })
                .collect();
            mem::forget(reason);
        }
        _ => {}
    }
    Ok(out)
}

fn right(rows: u32) -> Output {
    Output {
        rows: Vec::new(),
        batch: texts(rows, &said()),
        rejected: Vec::new(),
    }
}

/// One column of texts.
pub fn texts(rows: u32, text: &str) -> Batch {
    let offsets = (0..=rows).flat_map(|row| (row * text.len() as u32).to_le_bytes());
    let buffers = vec![
        Vec::new(),
        offsets.collect(),
        text.repeat(rows as usize).into_bytes(),
    ];
    Batch { rows, buffers }
}

pub fn alias(times: usize, bytes: usize) -> Vec<Vec<u8>> {
    let region = vec![1_u8; bytes];
    // SAFETY: none; that is the point. The instance does not survive the call.
    let one = || unsafe { Vec::from_raw_parts(region.as_ptr().cast_mut(), bytes, bytes) };
    let all = (0..times).map(|_| one()).collect();
    mem::forget(region);
    all
}

fn claim(bytes: usize) -> Vec<u8> {
    let region = mem::ManuallyDrop::new(vec![1_u8; 8]);
    // SAFETY: as above.
    unsafe { Vec::from_raw_parts(region.as_ptr().cast_mut(), bytes, bytes) }
}

fn again(text: &str) -> String {
    // SAFETY: as above.
    unsafe { String::from_raw_parts(text.as_ptr().cast_mut(), text.len(), text.len()) }
}
