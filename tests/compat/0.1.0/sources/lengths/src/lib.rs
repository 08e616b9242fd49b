//! Written against the contract alone: rows backwards, each with the length of its
//! first column in bytes; empty ones are rejected, nulls give null.

wit_bindgen::generate!({ path: "../../../../../wit", world: "transform-plugin" });

use azud::plugin::{
    log::{self, Level},
    types::Rejected,
};
use exports::azud::plugin::transform::{Batch, Column, Field, Guest, Opened, Output};

struct Lengths;

export!(Lengths);

impl Guest for Lengths {
    fn open(config: String, input: Vec<Field>) -> Result<Opened, String> {
        match input.first() {
            Some(field) if field.format == "u" => {}
            _ => return Err("the first column is no text".into()),
        }
        log::log(Level::Info, &format!("opened with {config}"));
        // Fields are in pre-order: what follows a nested one may belong to it.
        let mut columns = Vec::new();
        let mut inside = 0;
        for field in &input {
            match inside {
                0 => columns.push(Column::Carried(columns.len() as u32)),
                _ => inside -= 1,
            }
            inside += field.children;
        }
        columns.push(Column::Computed(vec![Field {
            name: "length".into(),
            format: "l".into(),
            nullable: true,
            children: 0,
        }]));
        Ok(Opened {
            reads: vec![0],
            columns,
        })
    }

    fn process(batch: Batch) -> Result<Output, String> {
        let [validity, offsets, _] = batch.buffers.as_slice() else {
            return Err(format!("{} buffers for a text", batch.buffers.len()));
        };
        let offset = |row: usize| {
            let bytes: [u8; 4] = offsets[row * 4..row * 4 + 4].try_into().unwrap();
            i64::from(u32::from_le_bytes(bytes))
        };
        let (mut rows, mut values, mut bits) = (Vec::new(), Vec::new(), Vec::new());
        let mut rejected = Vec::new();
        let mut count = 0;
        for row in (0..batch.rows as usize).rev() {
            let valid = validity.is_empty() || validity[row / 8] >> (row % 8) & 1 == 1;
            let length = offset(row + 1) - offset(row);
            if valid && length == 0 {
                rejected.push(Rejected {
                    row: row as u32,
                    reason: "it is empty".into(),
                });
                continue;
            }
            rows.extend((row as u32).to_le_bytes());
            values.extend(length.to_le_bytes());
            if count % 8 == 0 {
                bits.push(0);
            }
            bits[count / 8] |= u8::from(valid) << (count % 8);
            count += 1;
        }
        let buffers = vec![bits, values];
        Ok(Output {
            rows,
            batch: Batch {
                rows: count as u32,
                buffers,
            },
            rejected,
        })
    }
}
