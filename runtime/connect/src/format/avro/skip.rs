//! Passing over what a writer wrote and the reader has no field for.

use super::cursor::Cursor;
use super::schema::{AvroSchema, Kind};

/// A value may contain others so deeply: a type may contain itself, and each level of a record
/// costs it a byte, the lane a piece of its stack.
const DEEPEST: usize = 200;

/// What an item that takes no bytes is counted as.
pub(super) const EMPTY_ITEM: usize = 8;

pub(super) fn skip(
    schema: &AvroSchema,
    number: usize,
    from: &mut Cursor<'_>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("values are nested more than {DEEPEST} deep"));
    }
    match &schema.get(number).kind {
        Kind::Null => {}
        Kind::Boolean => drop(from.byte()?),
        Kind::Int | Kind::Long | Kind::Enum { .. } => drop(from.long()?),
        Kind::Float => drop(from.take(4)?),
        Kind::Double => drop(from.take(8)?),
        Kind::Bytes | Kind::String => drop(from.bytes()?),
        Kind::Fixed(size) => drop(from.take(*size)?),
        Kind::Array(items) => blocks(from, |from| skip(schema, *items, from, depth + 1))?,
        Kind::Map(values) => blocks(from, |from| {
            from.bytes()?;
            skip(schema, *values, from, depth + 1)
        })?,
        Kind::Record(fields) => {
            // Records of records of nothing take no bytes, and can be as many as one likes.
            from.spend(1)?;
            for field in fields {
                skip(schema, field.of, from, depth + 1)?;
            }
        }
        Kind::Union(branches) => {
            let branch = from.long()?;
            let found = usize::try_from(branch).ok();
            let found = found.and_then(|branch| branches.get(branch));
            let found = found.ok_or_else(|| format!("a union has no branch {branch}"))?;
            skip(schema, *found, from, depth + 1)?;
        }
    }
    Ok(())
}

fn blocks(
    from: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        match from.block()? {
            (0, _) => return Ok(()),
            (_, Some(size)) => drop(from.take(size)?),
            (count, None) => {
                for _ in 0..count {
                    let before = from.left();
                    item(from)?;
                    if from.left() == before {
                        from.spend(EMPTY_ITEM)?;
                    }
                }
            }
        }
    }
}
