//! Wrong answers of `process`, and calls that never answer.

use std::hint::black_box;

use crate::{
    azud::plugin::log::{self, Level},
    exports::azud::plugin::transform::{Batch, Output},
};

use crate::azud::plugin::types::Rejected;

pub fn answer(switch: &str, batch: Batch) -> Result<Output, String> {
    let count = batch.rows;
    let rows = |rows: &[u32]| {
        rows.iter()
            .flat_map(|row| row.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let rejected = |row| Rejected {
        row,
        reason: "no".into(),
    };
    // Column 0 as it came in: right, where it is a bigint without nulls.
    let mut out = Output {
        rows: Vec::new(),
        batch,
        rejected: Vec::new(),
    };
    let buffers = &mut out.batch.buffers;
    match switch {
        "fails" => return Err("not today".into()),
        "traps" => panic!("in process"),
        "logs-and-traps" => {
            log::log(Level::Debug, "row 7:\nhalf a date");
            panic!("in process");
        }
        "loops" => loop {
            black_box(0);
        },
        "recurses" => return Err(recurse(black_box(1)).to_string()),
        "eats-memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "logs" => {
            log::log(Level::Debug, "\u{1b}[31mred\nnext line");
            log::log(Level::Error, &"x".repeat(1 << 20));
            (0..1_000).for_each(|line| log::log(Level::Info, &line.to_string()));
        }
        "logs-too-much" => log::log(Level::Info, &"x".repeat(40 << 20)),
        "aliases" => return Ok(alias()),

        "short-values" => drop(buffers[1].pop()),
        "half-a-value" => buffers[1].truncate(4),
        "long-values" => buffers[1].extend([1; 13]),
        "no-buffers" => buffers.clear(),
        "extra-buffer" => buffers.push(Vec::new()),
        "short-bitmap" => buffers[0] = vec![0xff; count as usize / 8 - 1],
        "nulls" => buffers[0] = vec![0b1111_1011; count.div_ceil(8) as usize],
        "decimal" => buffers[1] = vec![0x7f; 16 * count as usize],

        "text" => {
            *buffers = text(
                &(0..=count).collect::<Vec<_>>(),
                &vec![b'x'; count as usize],
            )
        }
        "offsets-descend" => {
            *buffers = text(
                &(0..=count).rev().collect::<Vec<_>>(),
                &vec![b'x'; count as usize],
            )
        }
        "offsets-negative" => *buffers = text(&vec![u32::MAX; count as usize + 1], b"x"),
        "offsets-beyond" => *buffers = text(&(0..=count).collect::<Vec<_>>(), b"x"),
        "offsets-short" => {
            *buffers = text(&(0..count).collect::<Vec<_>>(), &vec![b'x'; count as usize])
        }
        "bad-utf8" => {
            *buffers = text(
                &(0..=count).collect::<Vec<_>>(),
                &vec![0xff; count as usize],
            )
        }
        "half-a-character" => {
            *buffers = text(
                &(0..=count).collect::<Vec<_>>(),
                "ñ".repeat(count as usize).as_bytes(),
            )
        }

        "rows-beyond" => out.rows = rows(&(1..=count).collect::<Vec<_>>()),
        "rows-short" => out.rows = vec![0; 4 * count as usize - 1],
        "rows-missing" => out.batch.rows = count - 1,
        "rows-lie" | "rows-lie-alone" => out.batch.rows = u32::MAX,
        "rows-backwards" => out.rows = rows(&(0..count).rev().collect::<Vec<_>>()),
        "compute-nothing" | "carry-nothing" => out.batch.buffers.clear(),
        "repeats" => {
            let many = 1 << 20;
            out.rows = vec![0; 4 * many];
            out.batch = Batch {
                rows: many as u32,
                buffers: vec![vec![], vec![0; 8 * many]],
            };
        }
        "rejects-beyond" => out.rejected.push(rejected(count)),
        "rejects-kept" => out.rejected.push(rejected(0)),
        "rejects-twice" => {
            out.batch = Batch {
                rows: 0,
                buffers: vec![vec![], vec![]],
            };
            out.rejected = vec![rejected(1), rejected(1)];
        }
        "rejects-all" => {
            out.batch = Batch {
                rows: 0,
                buffers: vec![vec![], vec![]],
            };
            out.rejected = (0..count)
                .map(|row| Rejected {
                    row,
                    reason: "ñ".repeat(1_000),
                })
                .collect();
        }
        "rejects-kept-index" => {
            out.batch = Batch {
                rows: 1,
                buffers: vec![vec![], vec![0; 8]],
            };
            out.rows = rows(&[1]);
            out.rejected = vec![rejected(0), rejected(1)];
        }
        _ => {}
    }
    Ok(out)
}

fn text(offsets: &[u32], data: &[u8]) -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        offsets
            .iter()
            .flat_map(|offset| offset.to_le_bytes())
            .collect(),
        data.to_vec(),
    ]
}

fn recurse(depth: u64) -> u64 {
    if black_box(depth) == 0 {
        0
    } else {
        recurse(depth + 1).wrapping_mul(3) + 1
    }
}

/// Many buffers that are all the same 16 MiB.
fn alias() -> Output {
    let region = vec![1_u8; 16 << 20];
    // SAFETY: none; that is the point. The instance does not survive the call.
    let buffers = (0..1_000).map(|_| unsafe {
        Vec::from_raw_parts(region.as_ptr().cast_mut(), region.len(), region.len())
    });
    let buffers = buffers.collect();
    std::mem::forget(region);
    Output {
        rows: Vec::new(),
        batch: Batch { rows: 1, buffers },
        rejected: Vec::new(),
    }
}
