//! Wrong answers, and calls that never answer.

use std::hint::black_box;

use crate::azud::plugin::log::{self, Level};
use crate::exports::azud::plugin::aggregate::Batch;

pub fn spoil(how: &str, mut batch: Batch) -> Result<Batch, String> {
    match how {
        "fails" => return Err("not today\u{1b}[2J".into()),
        "traps" => {
            log::log(Level::Debug, "the last line");
            panic!("in a call");
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
        "aliases" => return Ok(alias()),
        "rows-short" => batch.rows -= 1,
        "rows-long" => {
            batch.rows += 1;
            batch.buffers[1].extend([0; 8]);
        }
        "rows-lie" => batch.rows = u32::MAX,
        "no-rows" => {
            batch = Batch {
                rows: 0,
                buffers: vec![Vec::new(), Vec::new()],
            }
        }
        "short-values" => drop(batch.buffers[1].pop()),
        "half-a-value" => batch.buffers[1].truncate(4),
        "long-values" => batch.buffers[1].extend([1; 13]),
        "no-buffers" => batch.buffers.clear(),
        "extra-buffer" => batch.buffers.push(Vec::new()),
        "nulls" => batch.buffers[0] = vec![0b1111_1011; batch.rows.div_ceil(8) as usize],
        "short-bitmap" => batch.buffers[0] = vec![0xff; batch.rows as usize / 8 - 1],
        _ => {}
    }
    Ok(batch)
}

fn recurse(depth: u64) -> u64 {
    match black_box(depth) {
        0 => 0,
        depth => recurse(depth + 1).wrapping_mul(3) + 1,
    }
}

/// Many buffers that are all the same 16 MiB.
fn alias() -> Batch {
    let region = vec![1_u8; 16 << 20];
    // SAFETY: none; that is the point. The instance does not survive the call.
    let buffers = (0..1_000).map(|_| unsafe {
        Vec::from_raw_parts(region.as_ptr().cast_mut(), region.len(), region.len())
    });
    let buffers = buffers.collect();
    std::mem::forget(region);
    Batch { rows: 1, buffers }
}
