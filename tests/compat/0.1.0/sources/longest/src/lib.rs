//! The largest number of a group: an aggregate, written against the contract alone.

wit_bindgen::generate!({ path: "../../../../../wit", world: "aggregate-plugin" });

use exports::azud::plugin::aggregate::{Batch, Field, Guest, Schemas};

struct Longest;

export!(Longest);

impl Guest for Longest {
    fn open(_: String, input: Vec<Field>) -> Result<Schemas, String> {
        match input.as_slice() {
            [field] if field.format == "l" => Ok(Schemas {
                state: vec![longest()],
                output: vec![longest()],
            }),
            _ => Err("one column of bigint is needed".into()),
        }
    }

    fn update(states: Batch, groups: u32, of: Vec<u8>, rows: Batch) -> Result<Batch, String> {
        let mut largest = numbers(&states)?;
        largest.resize(groups as usize, i64::MIN);
        fold(&mut largest, &of, &numbers(&rows)?)
    }

    fn merge(states: Batch, groups: u32, of: Vec<u8>) -> Result<Batch, String> {
        fold(
            &mut vec![i64::MIN; groups as usize],
            &of,
            &numbers(&states)?,
        )
    }

    fn finish(states: Batch) -> Result<Batch, String> {
        Ok(states)
    }
}

fn longest() -> Field {
    Field {
        name: "longest".into(),
        format: "l".into(),
        nullable: false,
        children: 0,
    }
}

/// The values of a column without nulls.
fn numbers(batch: &Batch) -> Result<Vec<i64>, String> {
    match batch.buffers.as_slice() {
        [validity, values] if validity.is_empty() => {
            let values = values.chunks_exact(8).take(batch.rows as usize);
            Ok(values
                .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
                .collect())
        }
        _ => Err("a column without nulls is needed".into()),
    }
}

fn fold(largest: &mut [i64], of: &[u8], numbers: &[i64]) -> Result<Batch, String> {
    for (group, number) in of.chunks_exact(4).zip(numbers) {
        let group = u32::from_le_bytes(group.try_into().unwrap()) as usize;
        let place = largest.get_mut(group).ok_or("no such group")?;
        *place = (*place).max(*number);
    }
    let values = largest
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    Ok(Batch {
        rows: largest.len() as u32,
        buffers: vec![vec![], values],
    })
}
