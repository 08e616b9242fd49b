//! The next version of `longest`, which counts the rows of a group as well: it goes on with what
//! that one has kept, and counts from there. Written against the contract alone.

wit_bindgen::generate!({ path: "../../../../../wit", world: "migrating-aggregate-plugin" });

use exports::azud::plugin::aggregate::{self, Batch, Field, Schemas};
use exports::azud::plugin::aggregate_migration;

/// A version that nobody has run, and `longest`.
const LONGEST: u32 = 1;

struct LongestCounted;

export!(LongestCounted);

impl aggregate::Guest for LongestCounted {
    fn open(_: String, input: Vec<Field>) -> Result<Schemas, String> {
        match input.as_slice() {
            [field] if field.format == "l" => Ok(Schemas {
                state: vec![field_of("longest", "l"), field_of("counted", "l")],
                output: vec![field_of("longest", "l"), field_of("counted", "l")],
            }),
            _ => Err("one column of bigint is needed".into()),
        }
    }

    fn update(states: Batch, groups: u32, of: Vec<u8>, rows: Batch) -> Result<Batch, String> {
        let rows = numbers(&rows, 0)?.into_iter().map(|number| (number, 1));
        let mut all = groups_of(&states)?;
        fold(&mut all, groups, &of, rows)?;
        Ok(batch_of(&all))
    }

    fn merge(states: Batch, groups: u32, of: Vec<u8>) -> Result<Batch, String> {
        let mut all = Vec::new();
        fold(&mut all, groups, &of, groups_of(&states)?.into_iter())?;
        Ok(batch_of(&all))
    }

    fn finish(states: Batch) -> Result<Batch, String> {
        Ok(states)
    }
}

impl aggregate_migration::Guest for LongestCounted {
    fn former() -> Vec<Vec<Field>> {
        vec![vec![field_of("word", "u")], vec![field_of("longest", "l")]]
    }

    fn migrate(version: u32, states: Batch) -> Result<Batch, String> {
        if version != LONGEST {
            return Err("no such version has run".into());
        }
        let longest = numbers(&states, 0)?.into_iter();
        let all: Vec<(i64, i64)> = longest.map(|longest| (longest, 0)).collect();
        Ok(batch_of(&all))
    }
}

fn field_of(name: &str, format: &str) -> Field {
    Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children: 0,
    }
}

/// The values of a column without nulls, by its number.
fn numbers(batch: &Batch, column: usize) -> Result<Vec<i64>, String> {
    match batch.buffers.get(2 * column..2 * column + 2) {
        Some([validity, values]) if validity.is_empty() => {
            let values = values.chunks_exact(8).take(batch.rows as usize);
            Ok(values
                .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
                .collect())
        }
        _ => Err("a column without nulls is needed".into()),
    }
}

/// The longest number, and how many are counted.
fn groups_of(states: &Batch) -> Result<Vec<(i64, i64)>, String> {
    let (longest, counted) = (numbers(states, 0)?, numbers(states, 1)?);
    Ok(longest.into_iter().zip(counted).collect())
}

fn fold(
    all: &mut Vec<(i64, i64)>,
    groups: u32,
    of: &[u8],
    others: impl Iterator<Item = (i64, i64)>,
) -> Result<(), String> {
    all.resize(groups as usize, (i64::MIN, 0));
    for (group, (longest, counted)) in of.chunks_exact(4).zip(others) {
        let group = u32::from_le_bytes(group.try_into().unwrap()) as usize;
        let place = all.get_mut(group).ok_or("no such group")?;
        *place = (place.0.max(longest), place.1 + counted);
    }
    Ok(())
}

fn batch_of(all: &[(i64, i64)]) -> Batch {
    let longest = all.iter().flat_map(|(longest, _)| longest.to_le_bytes());
    let counted = all.iter().flat_map(|(_, counted)| counted.to_le_bytes());
    Batch {
        rows: all.len() as u32,
        buffers: vec![vec![], longest.collect(), vec![], counted.collect()],
    }
}
